n = int(input())
print(2 * n - sum(d for d in range(1, n + 1) if n % d == 0))
