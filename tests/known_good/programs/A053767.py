n = int(input())
total, k = 0, 4
while n > 0:
    if any(k % d == 0 for d in range(2, int(k ** 0.5) + 1)):
        total += k
        n -= 1
    k += 1
print(total)
