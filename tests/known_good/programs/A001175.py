m = int(input())
if m == 1:
    print(1)
else:
    a, b, period = 0, 1, 0
    while True:
        a, b = b, (a + b) % m
        period += 1
        if (a, b) == (0, 1):
            break
    print(period)
