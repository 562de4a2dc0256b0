n = int(input())
print(n * 2 ** (n - 1) if n else 0)
