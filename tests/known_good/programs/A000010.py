from math import gcd

n = int(input())
print(sum(1 for k in range(1, n + 1) if gcd(k, n) == 1))
