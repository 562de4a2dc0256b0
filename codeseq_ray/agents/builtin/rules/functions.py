"""Arithmetic functions that one plain sentence defines: what a problem says, how the agents compute it, and how a
program does. The two ways of computing are written apart from each other: one checks the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from math import gcd, isqrt, lcm, prod

import flint

from codeseq_ray.agents.builtin.rules.numbers import (
    digits_of,
    divisors_of,
    is_prime,
    next_prime,
    nth_composite,
    nth_prime,
    prime_count,
    prime_powers,
    valuation,
)
from codeseq_ray.agents.builtin.rules.sources import DIGITS, DIVISORS, FACTORS, PRIMES


@dataclass(frozen=True)
class Function:
    """One function f(m) for m ≥ least."""

    says: str
    """Completes "f(m) is …"."""
    least: int
    compute: Callable[[int], int]
    source: str
    """Python that defines `f(m)`."""
    most: int = 20_000
    """Largest m that a fit asks for."""
    steep: bool = False
    """Slow or huge soon: only taken at n and its neighbours, and never summed."""
    base: int = 0
    """Where the function is about digits or divisions in a base: that base."""


def _digit_functions() -> list[Function]:
    words = {2: "binary", 3: "ternary", 10: "decimal"}

    def made(
        base: int, says: str, body: str, compute: Callable[[list[int]], int], least: int = 0
    ) -> Function:
        return Function(
            says.format(base=words[base]),
            least,
            lambda m: compute(digits_of(m, base)),
            _imports(body)
            + DIGITS
            + f"\n\ndef f(m):\n    digits = digits_of(m, {base})  # least significant first\n    return {body}\n",
            base=base,
        )

    out = []
    for base in (2, 3, 10):
        out += [
            made(base, "the sum of the {base} digits of m", "sum(digits)", sum),
            made(base, "the number of {base} digits of m, where 0 has none", "len(digits)", len),
            made(
                base,
                "the number whose {base} digits are those of m in reverse order",
                f"sum(d * {base}**i for i, d in enumerate(reversed(digits)))",
                lambda digits, base=base: sum(d * base**i for i, d in enumerate(digits)),  # type: ignore[misc]
            ),
        ]
    for base in (2, 3):
        out.append(
            made(
                base,
                "the decimal number that is written with the {base} digits of m",
                "sum(d * 10**i for i, d in enumerate(digits))",
                lambda digits: int("".join(map(str, digits)) or "0"),
            )
        )
    out.append(
        made(10, "the product of the {base} digits of m", "prod(digits)", prod, least=1),
    )
    out.append(
        made(
            2,
            "the number whose {base} digits, read as digits in base 3, are those of m",
            "sum(d * 3**i for i, d in enumerate(digits))",
            lambda digits: sum(3**i for i, d in enumerate(reversed(digits)) if d),
        )
    )
    return out


def _imports(body: str) -> str:
    """The import line for those of math's functions that an expression calls."""
    names = [name for name in ("gcd", "prod") if f"{name}(" in body]
    return f"from math import {', '.join(names)}\n\n\n" if names else ""


def _from_factors(says: str, body: str, compute: Callable[[int], int]) -> Function:
    return Function(says, 1, compute, _imports(body) + FACTORS + f"\n\ndef f(m):\n    return {body}\n")


def _from_divisors(says: str, body: str, compute: Callable[[int], int]) -> Function:
    return Function(says, 1, compute, _imports(body) + DIVISORS + f"\n\ndef f(m):\n    return {body}\n")


def _from_primes(says: str, least: int, lines: str, compute: Callable[[int], int]) -> Function:
    return Function(says, least, compute, PRIMES + f"\n\ndef f(m):\n{lines}")


def _short(says: str, least: int, body: str, compute: Callable[[int], int], head: str = "") -> Function:
    return Function(says, least, compute, f"{head}def f(m):\n    return {body}\n")


FUNCTIONS: tuple[Function, ...] = (
    _from_divisors("the number of positive divisors of m", "len(divisors(m))", lambda m: len(divisors_of(m))),
    _from_divisors(
        "the sum of the positive divisors of m", "sum(divisors(m))", lambda m: sum(divisors_of(m))
    ),
    _from_divisors(
        "the sum of the squares of the positive divisors of m",
        "sum(d * d for d in divisors(m))",
        lambda m: prod(sum(p ** (2 * k) for k in range(e + 1)) for p, e in prime_powers(m)),
    ),
    _from_divisors(
        "the sum of those divisors d of m for which d and m/d have no common factor above 1",
        "sum(d for d in divisors(m) if gcd(d, m // d) == 1)",
        lambda m: prod(1 + p**e for p, e in prime_powers(m)),
    ),
    _from_factors(
        "how many of the numbers 1, 2, ..., m have no common factor above 1 with m",
        "prod((p - 1) * p ** (e - 1) for p, e in factors(m))",
        lambda m: (
            sum(1 for k in range(1, m + 1) if gcd(k, m) == 1) if m < 60 else int(flint.fmpz(m).euler_phi())
        ),
    ),
    _from_factors(
        "m multiplied by (p + 1)/p for every prime p that divides m",
        "prod((p + 1) * p ** (e - 1) for p, e in factors(m))",
        lambda m: m * prod(p + 1 for p, _ in prime_powers(m)) // prod(p for p, _ in prime_powers(m)),
    ),
    _from_factors(
        "the number of different primes that divide m", "len(factors(m))", lambda m: len(prime_powers(m))
    ),
    _from_factors(
        "the number of prime factors of m, each counted as often as it divides m",
        "sum(e for p, e in factors(m))",
        lambda m: sum(e for _, e in prime_powers(m)),
    ),
    _from_factors(
        "the largest prime factor of m, and 1 if m is 1",
        "max((p for p, e in factors(m)), default=1)",
        lambda m: max((p for p, _ in prime_powers(m)), default=1),
    ),
    _from_factors(
        "the smallest prime factor of m, and 1 if m is 1",
        "min((p for p, e in factors(m)), default=1)",
        lambda m: min((p for p, _ in prime_powers(m)), default=1),
    ),
    _from_factors(
        "the product of the different primes that divide m, and 1 if m is 1",
        "prod(p for p, e in factors(m))",
        lambda m: prod(p for p, _ in prime_powers(m)),
    ),
    _from_factors(
        "the sum of the different primes that divide m",
        "sum(p for p, e in factors(m))",
        lambda m: sum(p for p, _ in prime_powers(m)),
    ),
    _from_factors(
        "the sum of the prime factors of m, each taken as often as it divides m",
        "sum(p * e for p, e in factors(m))",
        lambda m: sum(p * e for p, e in prime_powers(m)),
    ),
    _from_factors(
        "0 if the square of a prime divides m, else 1 or -1 as m has an even or odd number of prime factors",
        "0 if any(e > 1 for p, e in factors(m)) else (-1) ** len(factors(m))",
        lambda m: int(flint.fmpz(m).moebius_mu()),
    ),
    _from_factors(
        "what is left of m after division by the largest square that divides it",
        "prod(p for p, e in factors(m) if e % 2)",
        lambda m: m // max(d * d for d in range(1, isqrt(m) + 1) if m % (d * d) == 0),
    ),
    Function(
        "1 if m is a prime and 0 if not",
        0,
        lambda m: int(is_prime(m)),
        "def f(m):\n    if m < 2:\n        return 0\n    d = 2\n    while d * d <= m:\n"
        "        if m % d == 0:\n            return 0\n        d += 1\n    return 1\n",
    ),
    _from_primes("the number of primes that are not above m", 0, "    return sum(sieve(m))\n", prime_count),
    _from_primes(
        "the m-th prime, the first being 2",
        1,
        "    # The m-th prime lies below m*(b + 2), where b is the number of binary digits of m.\n"
        "    prime = sieve(m * (m.bit_length() + 2))\n"
        "    p = 0\n    for _ in range(m):\n        p = prime.index(1, p + 1)\n    return p\n",
        nth_prime,
    ),
    _from_primes(
        "the m-th number above 1 that is not a prime, the first being 4",
        1,
        "    # From 4 on every second number is even, so there are enough below 2*m + 4.\n"
        "    prime = sieve(2 * m + 4)\n"
        "    k = 3\n    for _ in range(m):\n        k = prime.index(0, k + 1)\n    return k\n",
        nth_composite,
    ),
    _from_primes(
        "the smallest prime above m",
        0,
        "    # There is always one between m and 2*m + 2.\n    return sieve(2 * m + 2).index(1, m + 1)\n",
        next_prime,
    ),
    _short("the whole part of the square root of m", 0, "isqrt(m)", isqrt, "from math import isqrt\n\n\n"),
    _short(
        "the largest k for which 1 + 2 + ... + k is not above m",
        0,
        "(isqrt(8 * m + 1) - 1) // 2",
        lambda m: next(k for k in count() if (k + 1) * (k + 2) // 2 > m),
        "from math import isqrt\n\n\n",
    ),
    Function(
        "the whole part of the cube root of m",
        0,
        lambda m: int(flint.fmpz(m).root(3)),
        "def f(m):\n    k = 0\n    while (k + 1) ** 3 <= m:\n        k += 1\n    return k\n",
    ),
    *(
        _short(
            f"the whole part of m times the square root of {d}",
            0,
            f"isqrt({d} * m * m)",
            lambda m, d=d: int((flint.fmpz(m) ** 2 * d).isqrt()),  # type: ignore[misc]
            "from math import isqrt\n\n\n",
        )
        for d in (2, 3, 5)
    ),
    *(
        Function(
            f"the number of times that m can be divided by {p} without remainder",
            1,
            lambda m, p=p: valuation(m, p),  # type: ignore[misc]
            f"def f(m):\n    e = 0\n    while m % {p} == 0:\n        m //= {p}\n        e += 1\n    return e\n",
            base=p,
        )
        for p in (2, 3, 5, 10)
    ),
    *(
        Function(
            f"the largest divisor of m that is not a multiple of {p}",
            1,
            lambda m, p=p: m // p ** valuation(m, p),  # type: ignore[misc]
            f"def f(m):\n    while m % {p} == 0:\n        m //= {p}\n    return m\n",
        )
        for p in (2, 3)
    ),
    *_digit_functions(),
    _short(
        "the exclusive or, bit by bit, of m and the whole part of m/2",
        0,
        "m ^ (m >> 1)",
        lambda m: int("".join("01"[a != b] for a, b in zip(f"0{m:b}", f"{m:b}", strict=False)), 2),
    ),
    Function(
        "the smallest positive number that is a multiple of each of 1, 2, ..., m",
        0,
        lambda m: lcm(*range(1, m + 1)),
        "from math import gcd\n\n\ndef f(m):\n    multiple = 1\n    for k in range(1, m + 1):\n"
        "        multiple *= k // gcd(multiple, k)\n    return multiple\n",
        most=200,
        steep=True,
    ),
    Function(
        "the number of ways to divide m different things into groups",
        0,
        lambda m: int(flint.fmpz.bell_number(m)),
        "def f(m):\n    # Rows of the triangle that begins each row with the end of the last.\n    row = [1]\n"
        "    for _ in range(m):\n        following = [row[-1]]\n        for value in row:\n"
        "            following.append(following[-1] + value)\n        row = following\n    return row[0]\n",
        most=200,
        steep=True,
    ),
    Function(
        "the number of ways to write m as a sum of positive whole numbers, whatever their order",
        0,
        lambda m: int(flint.fmpz(m).partitions_p()),
        "def f(m):\n    ways = [1] + [0] * m\n    for part in range(1, m + 1):\n"
        "        for total in range(part, m + 1):\n            ways[total] += ways[total - part]\n"
        "    return ways[m]\n",
        most=400,
        steep=True,
    ),
)
"""What a problem may lean on, the plainest first."""

BY_SENTENCE: dict[str, Function] = {function.says: function for function in FUNCTIONS}


@lru_cache(maxsize=1 << 16)
def value_of(says: str, m: int) -> int:
    """f(m), remembered: fits ask for the same small arguments over and over."""
    return BY_SENTENCE[says].compute(m)
