n = int(input())
print(str(n * n)[-1])
