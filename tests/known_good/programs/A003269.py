n = int(input())
a = [0, 1, 1, 1]
while len(a) <= n: a += [a[-1] + a[-4]]
print(a[n])
