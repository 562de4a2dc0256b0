# 2; 1, 2, 1, 1, 4, 1, 1, 6, 1, ...
n = int(input())
if n == 0:
    print(2)
elif n % 3 == 2:
    print(2 * (n + 1) // 3)
else:
    print(1)
