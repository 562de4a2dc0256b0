n = int(input())
x, y = 1, 1
while n:
    x, y, n = y, y + 3 * x, n - 1
print(x)
