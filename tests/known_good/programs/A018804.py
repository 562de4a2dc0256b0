import math
n = int(input())
print(sum(math.gcd(k, n) for k in range(n)))
