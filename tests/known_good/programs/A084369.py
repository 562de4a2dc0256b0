n = int(input())

def is_prime(k):
    return k > 1 and all(k % d for d in range(2, int(k ** 0.5) + 1))

position = 0
k = 1
while n:
    k += 1
    if is_prime(k):
        position += 1
        if not set(str(k)) & set("02468"):
            n -= 1
print(position)
