"""Plain arithmetic for `definitions`: slow and obvious on purpose."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import count
from math import comb, factorial, gcd, isqrt

# ---- recurrences


def chain(n: int, start: list[int], step: Callable[..., int]) -> int:
    """a(n), from 0, where each term is a function of as many last terms as there are first ones."""
    terms = list(start)
    while len(terms) <= n:
        terms.append(step(*terms[-len(start) :]))
    return terms[n]


def rec(n: int, start: list[int], weights: list[int]) -> int:
    """a(n), from 0, where each term is a weighted sum of the last ones, the latest first."""
    return chain(n, start, lambda *last: sum(w * t for w, t in zip(weights, reversed(last), strict=True)))


def rec2(n: int, start: list[int], step: Callable[[int, int, int], int]) -> int:
    terms = list(start)
    while len(terms) <= n:
        terms.append(step(len(terms), terms[-2], terms[-1]))
    return terms[n]


def fib(n: int) -> int:
    return rec(n, [0, 1], [1, 1])


def luc(n: int) -> int:
    return rec(n, [2, 1], [1, 1])


@cache
def stern(n: int) -> int:
    if n < 2:
        return n
    return stern(n // 2) if n % 2 == 0 else stern(n // 2) + stern(n // 2 + 1)


@cache
def binpart(n: int) -> int:
    return 1 if n == 0 else binpart(n - 1) + binpart(n // 2)


@cache
def hofq(n: int) -> int:
    return 1 if n < 3 else hofq(n - hofq(n - 1)) + hofq(n - hofq(n - 2))


@cache
def hofg(n: int) -> int:
    return 0 if n == 0 else n - hofg(hofg(n - 1))


@cache
def conway(n: int) -> int:
    return 1 if n < 3 else conway(conway(n - 1)) + conway(n - conway(n - 1))


def recaman(n: int) -> int:
    at, seen = 0, {0}
    for k in range(1, n + 1):
        at = at - k if at - k > 0 and at - k not in seen else at + k
        seen.add(at)
    return at


def collatz(n: int) -> int:
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def kimb(n: int) -> int:
    while n % 2:
        n //= 2
    return n // 2


def figure(n: int) -> int:
    terms, used = [1], {1}
    while len(terms) < n:
        distance = next(d for d in count(1) if d not in used)
        terms.append(terms[-1] + distance)
        used |= {distance, terms[-1]}
    return terms[n - 1]


# ---- divisors and primes


@cache
def fac(n: int) -> dict[int, int]:
    """Prime → exponent."""
    found: dict[int, int] = {}
    p = 2
    while p * p <= n:
        while n % p == 0:
            found[p] = found.get(p, 0) + 1
            n //= p
        p += 1
    if n > 1:
        found[n] = found.get(n, 0) + 1
    return found


@cache
def divs(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def isp(n: int) -> bool:
    return n > 1 and fac(n) == {n: 1}


def nextprime(p: int) -> int:
    return next(q for q in count(p + 1) if isp(q))


@cache
def prime(n: int) -> int:
    return 2 if n == 1 else nextprime(prime(n - 1))


@cache
def composite(n: int) -> int:
    return next(c for c in count(composite(n - 1) + 1 if n > 1 else 4) if not isp(c))


@cache
def phi(n: int) -> int:
    return sum(gcd(k, n) == 1 for k in range(1, n + 1))


def mu(n: int) -> int:
    return 0 if max(fac(n).values(), default=0) > 1 else (-1) ** len(fac(n))


def order2(modulus: int) -> int:
    return next(m for m in count(1) if (2**m - 1) % modulus == 0)


def pisano(modulus: int) -> int:
    a, b = 0, 1 % modulus
    for k in count(1):
        a, b = b, (a + b) % modulus
        if (a, b) == (0, 1 % modulus):
            return k
    raise AssertionError("every modulus has a period")


def two_squares(n: int) -> int:
    return sum(isqrt(n - a * a) ** 2 == n - a * a for a in range(isqrt(n) + 1))


def two_cubes(n: int) -> bool:
    cubes = {a**3 for a in range(1, round(n ** (1 / 3)) + 2)}
    return any(n - c in cubes for c in cubes)


# ---- power series and partitions


@cache
def series(length: int, exponent: int) -> list[int]:
    """Coefficients of the product of (1 - q^k)^exponent."""
    terms = [1] + [0] * length
    for k in range(1, length + 1):
        for _ in range(exponent):
            for i in range(length, k - 1, -1):
                terms[i] -= terms[i - k]
    return terms


def tau(n: int) -> int:
    return series(60, 24)[n - 1]


def pent(n: int) -> int:
    return series(100, 1)[n]


@cache
def parts_at_most(n: int, k: int) -> int:
    if n <= 0 or k == 0:
        return int(n == 0)
    return parts_at_most(n, k - 1) + parts_at_most(n - k, k)


def parts(n: int) -> int:
    return parts_at_most(n, n)


@cache
def _different_parts(n: int, largest: int) -> int:
    if n <= 0 or largest == 0:
        return int(n == 0)
    return _different_parts(n, largest - 1) + _different_parts(n - largest, largest - 1)


def dparts(n: int) -> int:
    return _different_parts(n, n)


# ---- counting


@cache
def stir2(n: int, k: int) -> int:
    """Partitions of an n-set into k blocks."""
    if k <= 0 or k >= n:
        return int(n == k)
    return k * stir2(n - 1, k) + stir2(n - 1, k - 1)


def bell(n: int) -> int:
    return sum(stir2(n, k) for k in range(n + 1))


def fubini(n: int) -> int:
    return sum(factorial(k) * stir2(n, k) for k in range(n + 1))


def riordan(n: int) -> int:
    heights = {0: 1}
    for _ in range(n):
        after: dict[int, int] = {}
        for height, ways in heights.items():
            for step in (-1, 0, 1):
                if height + step >= 0 and (height, step) != (0, 0):
                    after[height + step] = after.get(height + step, 0) + ways
        heights = after
    return heights.get(0, 0)


def derange(n: int) -> int:
    return sum((-1) ** k * factorial(n) // factorial(k) for k in range(n + 1))


def zigzag(n: int) -> int:
    row = [1]
    for _ in range(n):
        sums = [0]
        for entry in reversed(row):
            sums.append(sums[-1] + entry)
        row = sums
    return row[-1]


def neck(n: int, colours: int) -> int:
    return 1 if n == 0 else sum(phi(d) * colours ** (n // d) for d in divs(n)) // n


@cache
def rooted(n: int) -> int:
    if n < 2:
        return n
    return sum(sum(d * rooted(d) for d in divs(k)) * rooted(n - k) for k in range(1, n)) // (n - 1)


def tri(n: int) -> int:
    row = (isqrt(8 * n + 1) - 1) // 2
    return comb(row, n - row * (row + 1) // 2)


def harm(n: int) -> Fraction:
    return sum((Fraction(1, k) for k in range(1, n + 1)), Fraction(0))


def cols(n: int) -> int:
    """0-1 strings of length n that hold neither 001 nor 100."""
    ways: dict[str, int] = {"": 1}
    for _ in range(n):
        after: dict[str, int] = {}
        for tail, number in ways.items():
            for digit in "01":
                if tail + digit not in ("001", "100"):
                    new = (tail + digit)[-2:]
                    after[new] = after.get(new, 0) + number
        ways = after
    return sum(ways.values())


def eight(n: int) -> int:
    """Strings of eight integers 0 … n in which 0 and n are never neighbours."""
    ways = [1] * (n + 1)
    for _ in range(7):
        total = sum(ways)
        ways = [total - (ways[n] if i == 0 else 0) - (ways[0] if i == n else 0) for i in range(n + 1)]
    return sum(ways)
