n = int(input())
a, b = 2, 1
for _ in range(n):
    a, b = b, b - a
print(a)
