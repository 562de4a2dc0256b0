n = int(input())
primes = []
k = 2
while len(primes) < n:
    for p in primes:
        if p * p > k:
            primes.append(k)
            break
        if k % p == 0:
            break
    else:
        primes.append(k)
    k += 1
print(primes[n - 1] - 1)
