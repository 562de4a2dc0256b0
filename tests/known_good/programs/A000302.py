print(4 ** int(input()))
