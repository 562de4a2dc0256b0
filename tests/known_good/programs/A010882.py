from itertools import cycle, islice
n = int(input())
print(list(islice(cycle("123"), n + 1))[-1])
