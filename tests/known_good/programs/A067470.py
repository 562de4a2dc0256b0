n = int(input())
k = 1
while len(str(k ** n)) < n:
    k += 1
print(k ** n)
