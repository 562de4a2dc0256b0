n = int(input())
p = 1
for odd in range(1, 2 * n, 2):
    p *= odd
print(p)
