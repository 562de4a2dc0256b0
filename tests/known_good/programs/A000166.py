n = int(input())
d = 1
for k in range(1, n + 1):
    d = k * d + (-1) ** k
print(d)
