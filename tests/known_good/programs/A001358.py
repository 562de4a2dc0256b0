n = int(input())

def number_of_prime_factors(k):
    c, p = 0, 2
    while p * p <= k:
        while k % p == 0:
            k //= p
            c += 1
        p += 1
    return c + (k > 1)

k = 3
while n:
    k += 1
    n -= number_of_prime_factors(k) == 2
print(k)
