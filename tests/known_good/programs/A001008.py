from fractions import Fraction
n = int(input())
total = Fraction(0)
for k in range(1, n + 1):
    total += Fraction(1, k)
print(total.numerator)
