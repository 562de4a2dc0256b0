from math import gcd
n = int(input())
print(1 if n == 0 else sum(3 ** gcd(i, n) for i in range(1, n + 1)) // n)
