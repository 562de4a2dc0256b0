n = int(input())
sieve = bytearray([1]) * (n + 1)
sieve[0:2] = b"\0\0"[: len(sieve[0:2])]
p = 2
while p * p <= n:
    if sieve[p]:
        sieve[p * p :: p] = bytes(len(range(p * p, n + 1, p)))
    p += 1
print(sum(sieve))
