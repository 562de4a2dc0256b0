n = int(input())
# top right entry of the n-th power of [[3, 1], [1, 0]]
m = (1, 0, 0, 1)
for _ in range(n):
    a, b, c, d = m
    m = (3 * a + b, a, 3 * c + d, c)
print(m[1])
