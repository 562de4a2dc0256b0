n = int(input())
re, im = 1, 0
for _ in range(n):
    re, im = re - im, re + im
print(im)
