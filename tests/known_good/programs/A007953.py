def digit_sum(n):
    return 0 if n == 0 else n % 10 + digit_sum(n // 10)

print(digit_sum(int(input())))
