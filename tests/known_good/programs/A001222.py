def omega(n, p=2):
    if n == 1:
        return 0
    while n % p:
        p += 1
    return 1 + omega(n // p, p)

print(omega(int(input())))
