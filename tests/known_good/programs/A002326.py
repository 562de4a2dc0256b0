n = int(input())
m = 2 * n + 1
order, power = 1, 2 % m
while power != 1 % m:
    power = power * 2 % m
    order += 1
print(order)
