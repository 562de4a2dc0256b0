from math import comb
n = int(input())
print(sum(comb(n, k) for k in range(2, n + 1)))
