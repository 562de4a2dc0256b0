n = int(input())
print(sum(base ** n for base in (2, 3)))
