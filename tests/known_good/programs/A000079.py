print(pow(2, int(input())))
