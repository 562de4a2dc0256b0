print(input().strip()[0])
