n = int(input())
k, seen = 0, 0
while True:
    bits = bin(k)[2:]
    if bits == "".join(reversed(bits)):
        seen += 1
        if seen == n:
            print(k)
            break
    k += 1
