n = int(input())
print(int(str(n % 9) + "9" * (n // 9)))
