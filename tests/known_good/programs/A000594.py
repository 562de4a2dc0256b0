n = int(input())
# product of (1 - q^k)^24, truncated
poly = [1] + [0] * (n - 1)
for k in range(1, n):
    for _ in range(24):
        for i in range(n - 1, k - 1, -1):
            poly[i] -= poly[i - k]
print(poly[n - 1])
