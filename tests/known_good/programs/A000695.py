print(int(bin(int(input()))[2:], 4))
