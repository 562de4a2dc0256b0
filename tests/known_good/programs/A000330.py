print(sum(k * k for k in range(1, int(input()) + 1)))
