n = int(input())
print(n * (3 * n - 2))
