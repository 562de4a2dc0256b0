n = int(input())
if n % 2 == 0:
    print(n // 2)
else:
    print((3 * n + 1) // 2)
