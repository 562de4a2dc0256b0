n = int(input())
primes = set()
d = 2
while n > 1:
    if n % d == 0:
        primes.add(d)
        n //= d
    else:
        d += 1
print(len(primes))
