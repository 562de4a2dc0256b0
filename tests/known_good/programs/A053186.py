n = int(input())
r = 0
while (r + 1) ** 2 <= n:
    r += 1
print(n - r * r)
