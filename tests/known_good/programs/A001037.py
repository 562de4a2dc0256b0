n = int(input())

def mobius(m):
    result = 1
    p = 2
    while p * p <= m:
        if m % p == 0:
            m //= p
            if m % p == 0:
                return 0
            result = -result
        p += 1
    return -result if m > 1 else result

if n == 0:
    print(1)
else:
    print(sum(mobius(n // d) * 2 ** d for d in range(1, n + 1) if n % d == 0) // n)
