n = int(input())
print(range(2, 10 ** 9, 3)[n])
