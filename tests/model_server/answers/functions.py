"""Arithmetic functions that the stand-in knows: in words, and as Python that a program of it carries along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    words: str
    """What `name(m)` is."""
    source: str
    compute: Callable[[int], int]


def _known(words: str, source: str) -> Known:
    space: dict[str, Callable[[int], int]] = {}
    exec(source, space)
    return Known(words, source, next(f for name, f in space.items() if name != "__builtins__"))


FUNCTIONS: dict[str, Known] = {
    "prime": _known(
        "the m-th number, from 2 on, that only 1 and itself divide",
        """\
def prime(m):
    found, candidate = [], 1
    while len(found) < m:
        candidate += 1
        for p in found:
            if p * p > candidate:
                found.append(candidate)
                break
            if candidate % p == 0:
                break
        else:
            found.append(candidate)
    return candidate
""",
    ),
    "divisors": _known(
        "how many whole numbers from 1 to m divide m",
        """\
def divisors(m):
    return sum(1 for d in range(1, m + 1) if m % d == 0)
""",
    ),
    "sigma": _known(
        "all whole numbers from 1 to m that divide m, added up",
        """\
def sigma(m):
    return sum(d for d in range(1, m + 1) if m % d == 0)
""",
    ),
    "coprimes": _known(
        "how many whole numbers from 1 to m share no divisor but 1 with m",
        """\
def coprimes(m):
    from math import gcd
    return sum(1 for d in range(1, m + 1) if gcd(d, m) == 1)
""",
    ),
    "digitsum": _known(
        "the digits of m added up",
        """\
def digitsum(m):
    return sum(int(d) for d in str(abs(m)))
""",
    ),
    "ones": _known(
        "how often 1 stands in m written in base two",
        """\
def ones(m):
    return bin(m).count("1")
""",
    ),
    "binary": _known(
        "m written in base two, its digits then read in base ten",
        """\
def binary(m):
    return int(bin(m)[2:])
""",
    ),
    "factors": _known(
        "how many prime factors m has, each counted as often as it divides",
        """\
def factors(m):
    count, p = 0, 2
    while p * p <= m:
        while m % p == 0:
            count, m = count + 1, m // p
        p += 1
    return count + (m > 1)
""",
    ),
    "smallest": _known(
        "the least whole number above 1 that divides m, and 1 for m = 1",
        """\
def smallest(m):
    return next((d for d in range(2, m + 1) if m % d == 0), 1)
""",
    ),
    "greatest": _known(
        "the greatest prime number that divides m, and 1 for m = 1",
        """\
def greatest(m):
    last, p = 1, 2
    while p * p <= m:
        while m % p == 0:
            last, m = p, m // p
        p += 1
    return m if m > 1 else last
""",
    ),
    "root": _known(
        "the greatest whole number whose square is at most m",
        """\
def root(m):
    from math import isqrt
    return isqrt(m)
""",
    ),
    "backwards": _known(
        "m with its digits read from right to left",
        """\
def backwards(m):
    return int(str(m)[::-1])
""",
    ),
    "product": _known(
        "the product of the whole numbers from 1 to m",
        """\
def product(m):
    from math import factorial
    return factorial(m)
""",
    ),
}
