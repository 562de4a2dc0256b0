n = int(input())
t = [0, 0, 0, 1]
while len(t) <= n:
    t.append(sum(t[-4:]))
print(t[n])
