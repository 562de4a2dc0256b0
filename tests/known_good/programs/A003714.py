n = int(input())
k = 0
while n:
    k += 1
    if "11" not in bin(k):
        n -= 1
print(k)
