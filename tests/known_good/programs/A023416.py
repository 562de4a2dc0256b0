n = int(input())
print(f"{n:b}".count("0"))
