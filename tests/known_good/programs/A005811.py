from itertools import groupby
n = int(input())
print(sum(1 for _ in groupby(format(n, "b"))) if n else 0)
