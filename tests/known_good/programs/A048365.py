n = int(input())
k = 1 if n != 1 else 0
while str(k * k * k).count("0") != n:
    k += 1
print(k)
