memo = {0: 1}

def b(n):
    if n not in memo:
        memo[n] = b(n - 1) + b(n // 2)
    return memo[n]

print(b(int(input())))
