n = int(input())
print(pow(n, 2) + pow(n + 1, 2))
