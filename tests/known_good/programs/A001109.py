x, y = 0, 1
n = int(input())
while n:
    x, y = y, 6 * y - x
    n -= 1
print(x)
