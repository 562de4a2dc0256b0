from math import comb
n = int(input())
fubini = [1]
for m in range(1, n + 1):
    fubini.append(sum(comb(m, k) * fubini[m - k] for k in range(1, m + 1)))
print(fubini[n])
