# Burnside: average the number of colourings fixed by each rotation.
from math import gcd
n = int(input())
if n == 0:
    print(1)
else:
    fixed = 0
    for r in range(n):
        fixed += 2 ** gcd(r, n)
    print(fixed // n)
