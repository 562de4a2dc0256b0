n = int(input())
bits = [0]
while len(bits) <= n:
    bits += [1 - b for b in bits]
print(bits[n])
