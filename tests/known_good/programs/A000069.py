import itertools

n = int(input())
odious = (k for k in itertools.count(1) if bin(k).count("1") % 2)
print(next(itertools.islice(odious, n - 1, None)))
