n = int(input())
print(len([d for d in range(1, n + 1, 2) if n % d == 0]))
