from math import comb
n = int(input())
print(sum(comb(r, k) % 2 for r in range(n) for k in range(r + 1)))
