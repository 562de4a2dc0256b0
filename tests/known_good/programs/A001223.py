import itertools
n = int(input())

def primes():
    found = []
    for k in itertools.count(2):
        if all(k % p for p in found):
            found.append(k)
            yield k

a, b = itertools.islice(primes(), n - 1, n + 1)
print(b - a)
