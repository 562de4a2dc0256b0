def prime(k):
    return k > 1 and all(k % d for d in range(2, int(k**0.5) + 1))

n = int(input())
p = 1
while n:
    p += 1
    if prime(p) and prime(2 * p + 1):
        n -= 1
print(p)
