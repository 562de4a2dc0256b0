n = int(input()) - 1
print(2 * n + bin(n).count("1") % 2)
