n = int(input())
prev, cur = 0, 2
for _ in range(n):
    prev, cur = cur, 4 * cur - prev + 1
print(prev)
