from fractions import Fraction
from math import factorial
n = int(input())
h = sum((Fraction(1, k) for k in range(1, n + 1)), Fraction(0))
print((h * factorial(n)).numerator)
