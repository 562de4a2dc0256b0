n = int(input())
mu = [0, 1] + [0] * n
for i in range(1, n + 1):
    for j in range(2 * i, n + 1, i):
        mu[j] -= mu[i]
print(sum(mu[: n + 1]))
