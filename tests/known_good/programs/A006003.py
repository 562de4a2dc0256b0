n = int(input())
print(sum(range(1, n * n + 1)) // n if n else 0)
