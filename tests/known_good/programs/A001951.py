import math
n = int(input())
print(math.isqrt(2 * n * n))
