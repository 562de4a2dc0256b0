# Bell triangle
n = int(input())
row = [1]
for _ in range(n):
    new = [row[-1]]
    for x in row:
        new.append(new[-1] + x)
    row = new
print(row[0])
