import math
print(math.prod(range(2, 2 * int(input()) + 1, 2)))
