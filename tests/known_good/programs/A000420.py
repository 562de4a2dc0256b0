import operator, functools, itertools
n = int(input())
print(functools.reduce(operator.mul, itertools.repeat(7, n), 1))
