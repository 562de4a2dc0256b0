n = int(input())
while not n & 1:
    n >>= 1
print(n)
