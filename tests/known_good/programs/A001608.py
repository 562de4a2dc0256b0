n = int(input())
v = [3, 0, 2]
for i in range(n):
    v.append(v[i] + v[i + 1])
print(v[n])
