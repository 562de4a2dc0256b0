n = int(input())
pieces = 1
for cut in range(1, n + 1):
    pieces += cut
print(pieces)
