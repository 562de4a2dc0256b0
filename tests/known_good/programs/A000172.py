from math import comb as C
n = int(input())
print(sum(C(n, k) ** 3 for k in range(n + 1)))
