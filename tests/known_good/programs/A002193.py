from decimal import Decimal, getcontext
n = int(input())
getcontext().prec = n + 20
print(str(Decimal(2).sqrt()).replace(".", "")[n - 1])
