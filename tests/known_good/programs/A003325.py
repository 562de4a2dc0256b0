n = int(input())
limit = 10
while True:
    cubes = [k ** 3 for k in range(1, limit)]
    # every sum below limit^3 is seen
    sums = sorted(s for s in {x + y for x in cubes for y in cubes} if s <= limit ** 3)
    if len(sums) >= n:
        break
    limit *= 2
print(sums[n - 1])
