import sys
from functools import lru_cache
sys.setrecursionlimit(5000)


@lru_cache(maxsize=None)
def paths(steps, height):
    if height < 0 or height > steps:
        return 0
    if steps == 0:
        return 1
    return paths(steps - 1, height - 1) + paths(steps - 1, height) + paths(steps - 1, height + 1)


print(paths(int(sys.stdin.readline()), 0))
