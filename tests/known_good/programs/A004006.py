n = int(input())
print(n * (n * n + 5) // 6)
