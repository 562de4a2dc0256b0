n = int(input())
print(int("1" * n, 2) if n else 0)
