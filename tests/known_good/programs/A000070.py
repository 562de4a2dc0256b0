n = int(input())
dp = [0] * (n + 1)
dp[0] = 1
for coin in range(1, n + 1):
    for v in range(coin, n + 1):
        dp[v] += dp[v - coin]
print(sum(dp))
