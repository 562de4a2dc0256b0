n = int(input())
k = -1
while n > 0:
    k += 1
    s = str(k)
    if s == s[::-1]:
        n -= 1
print(k)
