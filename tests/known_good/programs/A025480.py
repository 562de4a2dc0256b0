n = int(input())
while n % 2 == 1:
    n = n // 2
print(n // 2)
