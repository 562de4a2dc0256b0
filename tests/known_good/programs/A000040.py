def is_prime(x):
    if x < 2:
        return False
    i = 2
    while i * i <= x:
        if x % i == 0:
            return False
        i += 1
    return True

n = int(input())
candidate = 1
while n:
    candidate += 1
    if is_prime(candidate):
        n -= 1
print(candidate)
