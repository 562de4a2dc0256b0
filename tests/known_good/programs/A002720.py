from math import comb, factorial
n = int(input())
print(sum(factorial(k) * comb(n, k) ** 2 for k in range(n + 1)))
