n = int(input())
k = 1
while n:
    k += 1
    m = k * k - 1
    if m % 7 == 0:
        for p in (2, 3, 5, 7):
            while m % p == 0:
                m //= p
        if m == 1:
            n -= 1
print(k)
