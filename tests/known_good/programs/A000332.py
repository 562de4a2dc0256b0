from itertools import combinations
n = int(input())
if n <= 12:
    print(len(list(combinations(range(n), 4))))
else:
    print(n * (n - 1) * (n - 2) * (n - 3) // 24)
