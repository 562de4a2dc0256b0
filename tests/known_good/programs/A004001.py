n = int(input())
c = [None, 1, 1]
for i in range(3, n + 1):
    c.append(c[c[i - 1]] + c[i - c[i - 1]])
print(c[n])
