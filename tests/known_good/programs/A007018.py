n = int(input())
v = 1
for _ in range(n):
    v *= v + 1
print(v)
