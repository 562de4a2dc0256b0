n = int(input())
dots = 1
for ring in range(1, n):
    dots += 3 * ring
print(dots)
