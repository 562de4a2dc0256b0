n = int(input())
grid = [[1] * (n + 1) for _ in range(n + 1)]
for i in range(1, n + 1):
    for j in range(1, n + 1):
        grid[i][j] = grid[i - 1][j] + grid[i][j - 1] + grid[i - 1][j - 1]
print(grid[n][n])
