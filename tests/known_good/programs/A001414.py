n = int(input())
s = 0
f = 2
while f * f <= n:
    while not n % f:
        s += f
        n //= f
    f += 1
print(s + n if n > 1 else s)
