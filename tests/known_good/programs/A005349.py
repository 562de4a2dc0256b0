n = int(input())
k = 0
while n:
    k += 1
    if k % sum(map(int, str(k))) == 0:
        n -= 1
print(k)
