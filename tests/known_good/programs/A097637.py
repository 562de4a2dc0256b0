n = int(input())
index = n // 16 + bin(n % 16).count("1")
a, b = 0, 1
for _ in range(index):
    a, b = b, a + b
print(a)
