n = int(input())
k = 0
p = 2
while p * p <= n:
    if n % p == 0:
        k += 1
    while n % p == 0:
        n //= p
    p += 1
k += n > 1
print(1 << k)
