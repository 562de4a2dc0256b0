from decimal import Decimal, getcontext
getcontext().prec = 60
phi = (1 + Decimal(5).sqrt()) / 2
print(int(int(input()) * phi))
