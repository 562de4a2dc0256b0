from math import isqrt
n = int(input())
print(n + (n + isqrt(5 * n * n)) // 2)
