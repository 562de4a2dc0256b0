n = int(input())
k = 0
while n:
    k += 1
    if sum(d for d in range(1, k // 2 + 1) if k % d == 0) > k:
        n -= 1
print(k)
