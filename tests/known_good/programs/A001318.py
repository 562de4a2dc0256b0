n = int(input())
m = (n + 1) // 2 if n % 2 else -(n // 2)
print(m * (3 * m - 1) // 2)
