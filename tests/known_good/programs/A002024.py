from itertools import chain, count, islice, repeat
n = int(input())
flat = chain.from_iterable(repeat(m, m) for m in count(1))
print(next(islice(flat, n - 1, n)))
