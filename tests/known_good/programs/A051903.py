n = int(input())
best = 0
p = 2
while n > 1:
    e = 0
    while n % p == 0:
        n //= p
        e += 1
    best = max(best, e)
    p += 1
print(best)
