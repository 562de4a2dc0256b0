# Seidel's boustrophedon
from itertools import accumulate
n = int(input())
row = [1]
for _ in range(n):
    row = list(accumulate([0] + row[::-1]))
print(row[-1])
