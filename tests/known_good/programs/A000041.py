from functools import lru_cache
import sys
sys.setrecursionlimit(10000)

@lru_cache(maxsize=None)
def p(n):
    # Euler's pentagonal recurrence
    if n < 0:
        return 0
    if n == 0:
        return 1
    s, k = 0, 1
    while k * (3 * k - 1) // 2 <= n:
        sign = -1 if k % 2 == 0 else 1
        s += sign * (p(n - k * (3 * k - 1) // 2) + p(n - k * (3 * k + 1) // 2))
        k += 1
    return s

print(p(int(input())))
