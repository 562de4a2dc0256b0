from math import ceil
from fractions import Fraction
print(ceil(Fraction(int(input()) ** 2, 2)))
