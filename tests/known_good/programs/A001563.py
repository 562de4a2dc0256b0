from math import factorial as fact
n = int(input())
print(fact(n + 1) - fact(n))
