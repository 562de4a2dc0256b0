def mu(n):
    if n == 1:
        return 1
    return -sum(mu(d) for d in range(1, n) if n % d == 0)

n = int(input())
print(n * mu(n))
