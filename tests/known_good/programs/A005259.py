from math import comb
n = int(input())
total = 0
for k in range(n + 1):
    total += (comb(n, k) * comb(n + k, k)) ** 2
print(total)
