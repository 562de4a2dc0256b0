n = int(input())
row = [1]
for _ in range(2 * n):
    row = [x + y for x, y in zip([0] + row, row + [0])]
print(row[n])
