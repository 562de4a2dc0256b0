n = int(input())
row = 0
while n > row:
    row += 1
    n -= row
# Lucas: C(row, n) is odd exactly when n's bits lie within row's
print(1 if row & n == n else 0)
