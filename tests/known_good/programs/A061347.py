n = int(input())
print(-2 if n % 3 == 0 else 1)
