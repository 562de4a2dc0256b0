def sigma(n):
    total = 1
    p = 2
    while p * p <= n:
        if n % p == 0:
            term = 1
            while n % p == 0:
                n //= p
                term = term * p + 1
            total *= term
        p += 1
    if n > 1:
        total *= n + 1
    return total


if __name__ == "__main__":
    print(sigma(int(input())))
