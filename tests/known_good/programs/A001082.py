def values():
    yield 0
    m = 1
    while True:
        yield m * (3 * m - 2)
        yield -m * (-3 * m - 2)
        m += 1

n = int(input())
gen = values()
answer = None
for _ in range(n):
    answer = next(gen)
print(answer)
