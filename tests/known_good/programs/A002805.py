from math import gcd
n = int(input())
num, den = 0, 1
for k in range(1, n + 1):
    num, den = num * k + den, den * k
    g = gcd(num, den)
    num //= g
    den //= g
print(den)
