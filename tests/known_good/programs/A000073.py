from collections import deque

window = deque([0, 0, 1], maxlen=3)
n = int(input())
for _ in range(n):
    window.append(sum(window))
print(window[0])
