print(int(input()) // 3 + 1)
