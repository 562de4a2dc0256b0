n = int(input())
balls = 0
for layer in range(1, n + 1):
    for row in range(1, layer + 1):
        balls += row
print(balls)
