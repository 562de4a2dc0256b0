n = int(input())
coefficients = [1] + [0] * n
for k in range(1, n + 1):
    for i in reversed(range(k, n + 1)):
        coefficients[i] -= coefficients[i - k]
print(coefficients[n])
