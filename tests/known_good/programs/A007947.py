from math import prod
n = int(input())
print(prod(p for p in range(2, n + 1) if n % p == 0 and not any(p % q == 0 for q in range(2, p))))
