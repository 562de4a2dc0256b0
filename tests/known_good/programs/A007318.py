n = int(input())
row = 0
while n > row:
    n -= row + 1
    row += 1
c = 1
for i in range(n):
    c = c * (row - i) // (i + 1)
print(c)
