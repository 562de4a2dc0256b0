n = int(input())
s = [1]
for m in range(1, n + 1):
    s.append(s[m - 1] + sum(s[k] * s[m - 1 - k] for k in range(m)))
print(s[n])
