n = int(input())
c = 1
for k in range(1, n + 1):
    c = c * (2 * n + 2 - k) // k
print(c)
