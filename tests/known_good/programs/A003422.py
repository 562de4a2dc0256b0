n = int(input())
s, f = 0, 1
for k in range(n):
    s += f
    f *= k + 1
print(s)
