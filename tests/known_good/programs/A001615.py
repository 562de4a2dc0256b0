from fractions import Fraction

n = int(input())
value = Fraction(n)
for p in range(2, n + 1):
    if n % p == 0 and all(p % q for q in range(2, p)):
        value *= 1 + Fraction(1, p)
print(value)
