from itertools import count, islice

def squarefree(k):
    return all(k % (d * d) for d in range(2, int(k ** 0.5) + 1))

n = int(input())
print(next(islice(filter(squarefree, count(1)), n - 1, None)))
