import sys

n = int(sys.stdin.readline())
ways = [1] + [0] * n
for part in range(1, n + 1):
    for total in range(n, part - 1, -1):
        ways[total] += ways[total - part]
print(ways[n])
