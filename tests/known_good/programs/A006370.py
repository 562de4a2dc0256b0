n = int(input())
print(3 * n + 1 if n & 1 else n >> 1)
