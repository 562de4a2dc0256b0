n = int(input())
print(round((n + 3) ** 2 / 12))
