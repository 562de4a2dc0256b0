n = int(input()); r = 1
while n > 0:
    r *= 5
    n -= 1
print(r)
