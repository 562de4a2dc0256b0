n = int(input())
k = 3
while n:
    k += 1
    if any(k % d == 0 for d in range(2, k)):
        n -= 1
print(k)
