# Smallest cubic graph of a given girth, by backtracking: always give an edge to the first vertex that lacks one.
import sys
from collections import deque

girth = int(sys.stdin.readline())


def far_enough(graph, a, b):
    # is every path from a to b at least girth - 1 long?
    seen, queue = {a: 0}, deque([a])
    while queue:
        v = queue.popleft()
        if seen[v] == girth - 2:
            continue
        for w in graph[v]:
            if w == b:
                return False
            if w not in seen:
                seen[w] = seen[v] + 1
                queue.append(w)
    return True


def complete(graph, size):
    for v in range(size):
        if len(graph[v]) < 3:
            break
    else:
        return True
    fresh = False
    for w in range(v + 1, size):
        if len(graph[w]) == 3 or w in graph[v]:
            continue
        if not graph[w]:
            if fresh:
                continue  # all untouched vertices are alike
            fresh = True
        if far_enough(graph, v, w):
            graph[v].append(w)
            graph[w].append(v)
            if complete(graph, size):
                return True
            graph[v].pop()
            graph[w].pop()
    return False


size = 4
while not complete([[] for _ in range(size)], size):
    size += 2
print(size)
