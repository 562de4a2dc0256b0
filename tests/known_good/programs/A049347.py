n = int(input())
print([1, -1, 0][n % 3])
