n = int(input())
z = [0, 1]
for i in range(2, n + 1):
    z.append(2 * z[-1] - 3 * z[-2])
print(z[n])
