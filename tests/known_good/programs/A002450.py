print(sum(4**i for i in range(int(input()))))
