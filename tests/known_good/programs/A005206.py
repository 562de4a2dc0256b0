g = {0: 0}
n = int(input())
for i in range(1, n + 1):
    g[i] = i - g[g[i - 1]]
print(g[n])
