n = int(input())
print(sum(n % k for k in range(1, n + 1)))
