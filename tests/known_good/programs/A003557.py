n = int(input())
result = 1
p = 2
while p <= n:
    if n % p == 0:
        n //= p
        while n % p == 0:
            n //= p
            result *= p
    p += 1
print(result)
