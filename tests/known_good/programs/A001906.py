from decimal import Decimal, getcontext
getcontext().prec = 80
n = int(input())
r = Decimal(5).sqrt()
print(int((((3 + r) / 2) ** n / r).to_integral_value()))
