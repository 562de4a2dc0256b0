from math import factorial
n = int(input())
print((n * (n + 1) // 2) ** 2 - factorial(n))
