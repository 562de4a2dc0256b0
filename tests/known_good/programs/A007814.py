b = bin(int(input()))
print(len(b) - len(b.rstrip("0")))
