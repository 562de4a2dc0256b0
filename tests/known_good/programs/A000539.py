n = int(input())
total = sum(map(lambda k: k ** 5, range(n + 1)))
print(total)
