n = int(input())
print(sum([d for d in range(1, n // 2 + 1) if not n % d]))
