n = int(input())
p = {0: 1, 1: 0, 2: 0}
for i in range(3, n + 1):
    p[i] = p[i - 2] + p[i - 3]
print(p[n])
