from math import comb
n = int(input())
print(comb(n, 3) + comb(n, 2) + comb(n, 1) + 1)
