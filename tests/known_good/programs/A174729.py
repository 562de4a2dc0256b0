from functools import cache

@cache
def eulerian(n, m):
    if m < 0 or m >= n:
        return 1 if n == m == 0 else 0
    return (n - m) * eulerian(n - 1, m - 1) + (m + 1) * eulerian(n - 1, m)

index = int(input())
n = 0
while index > n:
    n += 1
    index -= n
print((1 - 3 ** n) * (eulerian(n + 1, index) - 1) + 1)
