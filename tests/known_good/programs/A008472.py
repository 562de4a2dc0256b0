n = int(input())
s, p = 0, 2
while n > 1:
    if n % p == 0:
        s += p
        while n % p == 0:
            n //= p
    p += 1
print(s)
