n = int(input())
a, b = 0, 1
for i in range(n):
    a, b = b, 2 * (a + b)
print(a)
