from math import gcd
n = int(input())
print(sum(1 for a in range(1, n + 1) for b in range(1, n + 1) if gcd(a, b, n) == 1))
