n = int(input())
best, d = 1, 2
while n > 1:
    while n % d == 0:
        best = d
        n //= d
    d += 1
print(best)
