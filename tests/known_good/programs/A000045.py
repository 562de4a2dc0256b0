def mul(x, y):
    return [[sum(x[i][k] * y[k][j] for k in range(2)) for j in range(2)] for i in range(2)]

def power(m, e):
    r = [[1, 0], [0, 1]]
    while e:
        if e & 1:
            r = mul(r, m)
        m = mul(m, m)
        e >>= 1
    return r

n = int(input())
print(power([[1, 1], [1, 0]], n)[0][1])
