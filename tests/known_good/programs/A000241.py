# Guy's (conjectured) value for the crossing number of K_n.
n = int(input())
print((n // 2) * ((n - 1) // 2) * ((n - 2) // 2) * ((n - 3) // 2) // 4)
