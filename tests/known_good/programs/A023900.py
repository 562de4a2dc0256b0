n = int(input())
result = 1
p = 2
while n > 1:
    if n % p == 0:
        result *= 1 - p
        while n % p == 0:
            n //= p
    p += 1
print(result)
