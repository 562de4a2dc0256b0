n = int(input())
found = []
k = 5
while len(found) < n:
    if pow(2, k - 1, k) == 1 and all(k % d for d in range(3, int(k**0.5) + 1, 2)):
        found.append(k)
    k += 4
print(found[-1])
