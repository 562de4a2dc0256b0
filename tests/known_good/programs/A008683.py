n = int(input())
sign = 1
for p in range(2, n + 1):
    if n % p == 0:
        n //= p
        if n % p == 0:
            sign = 0
            break
        sign = -sign
print(sign)
