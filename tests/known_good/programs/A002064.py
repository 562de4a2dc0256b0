print((lambda n: n * 2**n + 1)(int(input())))
