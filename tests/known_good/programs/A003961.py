from collections import Counter

def factor(n):
    c = Counter()
    p = 2
    while n > 1:
        while n % p == 0:
            c[p] += 1
            n //= p
        p += 1
    return c

def next_prime(p):
    q = p + 1
    while any(q % d == 0 for d in range(2, q)):
        q += 1
    return q

answer = 1
for p, e in factor(int(input())).items():
    answer *= next_prime(p) ** e
print(answer)
