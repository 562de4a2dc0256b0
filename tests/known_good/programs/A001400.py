n = int(input())
count = 0
for a in range(n // 4 + 1):
    for b in range((n - 4 * a) // 3 + 1):
        count += (n - 4 * a - 3 * b) // 2 + 1
print(count)
