from math import gcd
n = int(input())
print(sum(d for d in range(1, n + 1) if n % d == 0 and gcd(d, n // d) == 1))
