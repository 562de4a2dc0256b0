from fractions import Fraction
n = int(input())
print(Fraction(n ** 3 * (n ** 3 + 1), 2) / n ** 2 if n else 0)
