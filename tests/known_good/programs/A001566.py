def a(n):
    if n == 0:
        return 3
    return a(n - 1) ** 2 - 2

print(a(int(input())))
