from functools import reduce
n = int(input())
print(reduce(lambda acc, _: acc * 3, range(n), 1))
