n = int(input())
print(sum((-3) ** k for k in range(n)))
