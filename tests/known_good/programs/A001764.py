from math import factorial
n = int(input())
print(factorial(3 * n) // factorial(n) // factorial(2 * n + 1))
