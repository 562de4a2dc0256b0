from math import comb, factorial

n = int(input())
total = 0
for pairs in range(n // 2 + 1):
    # choose the 2*pairs swapped elements, then match them up
    total += comb(n, 2 * pairs) * factorial(2 * pairs) // (factorial(pairs) * 2 ** pairs)
print(total)
