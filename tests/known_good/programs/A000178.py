n = int(input())
super_factorial = 1
factorial = 1
for k in range(1, n + 1):
    factorial *= k
    super_factorial *= factorial
print(super_factorial)
