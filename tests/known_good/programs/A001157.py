n = int(input())
print(sum(d**2 for d in range(1, n + 1) if n % d == 0))
