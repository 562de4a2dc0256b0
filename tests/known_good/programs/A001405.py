from math import comb
n = int(input())
print(max(comb(n, k) for k in range(n + 1)))
