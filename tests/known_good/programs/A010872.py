import math
print(int(math.fmod(int(input()), 3)))
