n = int(input())
limit = 20
while True:
    sieve = [True] * limit
    sieve[0] = sieve[1] = False
    for i in range(2, int(limit ** 0.5) + 1):
        if sieve[i]:
            for j in range(i * i, limit, i):
                sieve[j] = False
    ps = [i for i, flag in enumerate(sieve) if flag]
    if len(ps) >= n:
        break
    limit *= 2
print(ps[n - 1] ** 2)
