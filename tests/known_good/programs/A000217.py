print(sum(range(int(input()) + 1)))
