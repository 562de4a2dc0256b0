n = int(input())
print(1 << n * (n - 1) // 2)
