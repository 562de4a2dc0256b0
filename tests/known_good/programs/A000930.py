def cows(n):
    herd = [1, 1, 1]
    for _ in range(n):
        herd = [herd[1], herd[2], herd[2] + herd[0]]
    return herd[0]

print(cows(int(input())))
