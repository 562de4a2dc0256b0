print(len(str(int(input()))))
