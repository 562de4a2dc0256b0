# Ways to lay n - 1 dumbbells (each on two neighbouring cells) on a strip of 2 by n cells.
import sys
from collections import defaultdict


def arrangements(columns, dumbbells):
    # state: (which of the two cells of the next column are taken already, dumbbells laid so far)
    states = {(0, 0): 1}
    for _ in range(columns):
        following = defaultdict(int)
        for (taken, laid), ways in states.items():
            free_up, free_down = not taken & 1, not taken & 2
            following[0, laid] += ways
            if free_up:
                following[1, laid + 1] += ways
            if free_down:
                following[2, laid + 1] += ways
            if free_up and free_down:
                following[3, laid + 2] += ways
                following[0, laid + 1] += ways
        states = following
    return states.get((0, dumbbells), 0)


n = int(sys.stdin.readline())
print(arrangements(n, n - 1))
