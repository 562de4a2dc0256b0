n = int(input())
older, newer = 1, 2
for _ in range(n):
    older, newer = newer, older - newer
print(older)
