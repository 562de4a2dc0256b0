# Convergents of 7^(1/3), by exact integer search for each partial quotient.
n = int(input())


def below(p, q):
    return p ** 3 <= 7 * q ** 3


h0, h1, k0, k1 = 0, 1, 1, 0
for step in range(n + 1):
    # largest a such that (a*h1+h0)/(a*k1+k0) stays on the side of the root it must stay on
    a = 1 if step else 1
    even = step % 2 == 0
    def fits(a):
        p, q = a * h1 + h0, a * k1 + k0
        return below(p, q) == even
    hi = 1
    while fits(hi):
        hi *= 2
    lo = hi // 2
    while hi - lo > 1:
        mid = (lo + hi) // 2
        if fits(mid):
            lo = mid
        else:
            hi = mid
    h0, h1 = h1, lo * h1 + h0
    k0, k1 = k1, lo * k1 + k0
print(h1)
