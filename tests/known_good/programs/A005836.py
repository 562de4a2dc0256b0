n = int(input()) - 1
total, weight = 0, 1
while n:
    n, bit = divmod(n, 2)
    total += bit * weight
    weight *= 3
print(total)
