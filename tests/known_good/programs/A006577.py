n = int(input())
steps = 0
while n != 1:
    if n % 2:
        n = 3 * n + 1
    else:
        n = n // 2
    steps += 1
print(steps)
