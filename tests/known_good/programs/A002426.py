n = int(input())
poly = [1]
for _ in range(n):
    nxt = [0] * (len(poly) + 2)
    for i, c in enumerate(poly):
        nxt[i] += c
        nxt[i + 1] += c
        nxt[i + 2] += c
    poly = nxt
print(poly[n])
