# Euler transform of the sequence itself, shifted.
n = int(input())
a = [0, 1]
for m in range(2, n + 1):
    s = 0
    for j in range(1, m):
        c = sum(d * a[d] for d in range(1, j + 1) if j % d == 0)
        s += c * a[m - j]
    a.append(s // (m - 1))
print(a[n])
