def stern(n):
    if n < 2:
        return n
    half, odd = divmod(n, 2)
    return stern(half) + stern(half + 1) if odd else stern(half)

print(stern(int(input())))
