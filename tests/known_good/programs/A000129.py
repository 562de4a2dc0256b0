def pell():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, 2 * b + a

n = int(input())
for i, value in enumerate(pell()):
    if i == n:
        print(value)
        break
