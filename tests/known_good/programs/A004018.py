n = int(input())
r = range(-n - 1, n + 2)
print(sum(1 for x in r for y in r if x * x + y * y == n))
