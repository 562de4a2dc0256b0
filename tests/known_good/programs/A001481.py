n = int(input())
bound = 16
while True:
    squares = [i * i for i in range(bound + 1)]
    sums = sorted({x + y for x in squares for y in squares if x + y <= bound * bound})
    if len(sums) >= n:
        print(sums[n - 1])
        break
    bound *= 2
