n = int(input())
b = [0, 1, 1, 1]
for i in range(4, n + 1):
    b.append(b[i - 1] + b[i - 2] + b[i - 4])
print(b[n])
