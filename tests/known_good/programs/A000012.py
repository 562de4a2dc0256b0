n = input()
print("1")
