n = int(input())
# a(n) = (2n-1) a(n-1) - (n-1)(n-2) a(n-2)
a = [1, 1]
for i in range(2, n + 1):
    a.append((2 * i - 1) * a[i - 1] - (i - 1) * (i - 2) * a[i - 2])
print(a[n])
