n = int(input())
primorial, k = 1, 1
while n > 0:
    k += 1
    if all(k % d for d in range(2, int(k ** 0.5) + 1)):
        primorial *= k
        n -= 1
print(primorial)
