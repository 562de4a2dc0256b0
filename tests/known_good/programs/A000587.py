from functools import lru_cache

@lru_cache(None)
def stirling(n, k):
    if n == k == 0:
        return 1
    if n == 0 or k == 0:
        return 0
    return stirling(n - 1, k - 1) + k * stirling(n - 1, k)

n = int(input())
print(sum((-1) ** k * stirling(n, k) for k in range(n + 1)))
