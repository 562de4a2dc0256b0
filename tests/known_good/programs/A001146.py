n = int(input())
v = 2
for _ in range(n):
    v = v * v
print(v)
