n = int(input())
print(2 ** (2 ** n) + 1)
