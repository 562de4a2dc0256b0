n = int(input())
primes = [2, 3]
while len(primes) <= n:
    q = primes[-1] + 2
    while not all(q % p for p in primes):
        q += 2
    primes.append(q)
print(primes[n - 1] * primes[n])
