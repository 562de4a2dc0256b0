def times(p, q):
    r = [0] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            r[i + j] += x * y
    return r

# (1 - x^3k) / (1 - x) = 1 + x + ... + x^(3k-1)
poly = [1]
for k in (3, 6, 9):
    poly = times(poly, [1] * k)
print(poly[int(input())])
