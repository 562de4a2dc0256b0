n = int(input())
result = 1
for k in range(1, n + 1):
    result = result * k + 1
print(result)
