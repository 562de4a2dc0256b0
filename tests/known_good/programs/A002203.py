n = int(input())
memo = {0: 2, 1: 2}
def q(i):
    try:
        return memo[i]
    except KeyError:
        memo[i] = 2 * q(i - 1) + q(i - 2)
        return memo[i]
print(q(n))
