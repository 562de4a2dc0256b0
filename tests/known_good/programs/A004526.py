n = int(input())
print(divmod(n, 2)[0])
