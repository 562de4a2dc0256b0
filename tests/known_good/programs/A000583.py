x = int(input())
y = x * x
print(y * y)
