n = int(input())
# dynamic programming over the last value: 0, n, or one of the n-1 in the middle
zero, top, middle = 1, 1, n - 1
for _ in range(7):
    zero, top, middle = zero + middle, top + middle, (zero + top + middle) * (n - 1)
print(zero + top + middle)
