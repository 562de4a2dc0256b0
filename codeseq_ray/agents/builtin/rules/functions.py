"""Arithmetic functions that one plain sentence defines: what a problem says, how the agents compute it, and how a
program does. The two ways of computing are written apart from each other: one checks the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from math import gcd, isqrt, lcm, prod

import flint

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
    """Largest m that a fit asks for: keeps what is slow or huge out of it."""


def _factors(m: int) -> list[tuple[int, int]]:
    return [(int(p), e) for p, e in flint.fmpz(m).factor()]


def _divisors(m: int) -> list[int]:
    out = [1]
    for p, e in _factors(m):
        out = [d * p**k for d in out for k in range(e + 1)]
    return out


def _digits(m: int, base: int) -> list[int]:
    """Most significant digit first; zero has no digit."""
    out = []
    while m:
        m, digit = divmod(m, base)
        out.append(digit)
    return out[::-1]


def _valuation(m: int, p: int) -> int:
    return next(e for e in count() if m % p ** (e + 1))


@lru_cache(maxsize=1)
def _primes() -> list[int]:
    limit = 1 << 15
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for p in range(2, isqrt(limit) + 1):
        if sieve[p]:
            sieve[p * p :: p] = bytes(len(range(p * p, limit, p)))
    return [p for p in range(limit) if sieve[p]]


def _is_prime(m: int) -> bool:
    return m > 1 and bool(flint.fmpz(m).is_prime())


def _prime(m: int) -> int:
    primes = _primes()
    if m <= len(primes):
        return primes[m - 1]
    candidate = primes[-1]
    for _ in range(m - len(primes)):
        candidate = _next_prime(candidate)
    return candidate


def _next_prime(m: int) -> int:
    return next(q for q in count(m + 1) if _is_prime(q))


def _composite(m: int) -> int:
    """Fixed point of k = m + 1 + π(k)."""
    k = m
    while (moved := m + 1 + _prime_count(k)) != k:
        k = moved
    return k


def _prime_count(m: int) -> int:
    low, high = 0, len(_primes())
    if m >= _primes()[-1]:
        return high + sum(1 for q in range(_primes()[-1] + 1, m + 1) if _is_prime(q))
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if _primes()[middle] <= m else (low, middle)
    return low


def _digit_functions() -> list[Function]:
    words = {2: "binary", 3: "ternary", 10: "decimal"}

    def made(
        base: int, says: str, body: str, compute: Callable[[list[int]], int], least: int = 0
    ) -> Function:
        return Function(
            says.format(base=words[base]),
            least,
            lambda m: compute(_digits(m, base)),
            _imports(body)
            + DIGITS
            + f"\n\ndef f(m):\n    digits = digits_of(m, {base})  # least significant first\n    return {body}\n",
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
    _from_divisors("the number of positive divisors of m", "len(divisors(m))", lambda m: len(_divisors(m))),
    _from_divisors("the sum of the positive divisors of m", "sum(divisors(m))", lambda m: sum(_divisors(m))),
    _from_divisors(
        "the sum of the squares of the positive divisors of m",
        "sum(d * d for d in divisors(m))",
        lambda m: prod(sum(p ** (2 * k) for k in range(e + 1)) for p, e in _factors(m)),
    ),
    _from_divisors(
        "the sum of those divisors d of m for which d and m/d have no common factor above 1",
        "sum(d for d in divisors(m) if gcd(d, m // d) == 1)",
        lambda m: prod(1 + p**e for p, e in _factors(m)),
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
        lambda m: m * prod(p + 1 for p, _ in _factors(m)) // prod(p for p, _ in _factors(m)),
    ),
    _from_factors(
        "the number of different primes that divide m", "len(factors(m))", lambda m: len(_factors(m))
    ),
    _from_factors(
        "the number of prime factors of m, each counted as often as it divides m",
        "sum(e for p, e in factors(m))",
        lambda m: sum(e for _, e in _factors(m)),
    ),
    _from_factors(
        "the largest prime factor of m, and 1 if m is 1",
        "max((p for p, e in factors(m)), default=1)",
        lambda m: max((p for p, _ in _factors(m)), default=1),
    ),
    _from_factors(
        "the smallest prime factor of m, and 1 if m is 1",
        "min((p for p, e in factors(m)), default=1)",
        lambda m: min((p for p, _ in _factors(m)), default=1),
    ),
    _from_factors(
        "the product of the different primes that divide m, and 1 if m is 1",
        "prod(p for p, e in factors(m))",
        lambda m: prod(p for p, _ in _factors(m)),
    ),
    _from_factors(
        "the sum of the different primes that divide m",
        "sum(p for p, e in factors(m))",
        lambda m: sum(p for p, _ in _factors(m)),
    ),
    _from_factors(
        "the sum of the prime factors of m, each taken as often as it divides m",
        "sum(p * e for p, e in factors(m))",
        lambda m: sum(p * e for p, e in _factors(m)),
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
    _from_primes(
        "1 if m is a prime and 0 if not", 0, "    return int(is_prime(m))\n", lambda m: int(_is_prime(m))
    ),
    _from_primes(
        "the number of primes that are not above m",
        0,
        "    return sum(1 for k in range(2, m + 1) if is_prime(k))\n",
        _prime_count,
    ),
    _from_primes(
        "the m-th prime, the first being 2",
        1,
        "    k = 1\n    for _ in range(m):\n        k += 1\n"
        "        while not is_prime(k):\n            k += 1\n    return k\n",
        _prime,
    ),
    _from_primes(
        "the m-th number above 1 that is not a prime, the first being 4",
        1,
        "    k = 3\n    for _ in range(m):\n        k += 1\n"
        "        while is_prime(k):\n            k += 1\n    return k\n",
        _composite,
    ),
    _from_primes(
        "the smallest prime above m",
        0,
        "    k = m + 1\n    while not is_prime(k):\n        k += 1\n    return k\n",
        _next_prime,
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
            lambda m, p=p: _valuation(m, p),  # type: ignore[misc]
            f"def f(m):\n    e = 0\n    while m % {p} == 0:\n        m //= {p}\n        e += 1\n    return e\n",
        )
        for p in (2, 3, 5, 10)
    ),
    *(
        Function(
            f"the largest divisor of m that is not a multiple of {p}",
            1,
            lambda m, p=p: m // p ** _valuation(m, p),  # type: ignore[misc]
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
    ),
    Function(
        "the number of ways to divide m different things into groups",
        0,
        lambda m: int(flint.fmpz.bell_number(m)),
        "def f(m):\n    # Rows of the triangle that begins each row with the end of the last.\n    row = [1]\n"
        "    for _ in range(m):\n        following = [row[-1]]\n        for value in row:\n"
        "            following.append(following[-1] + value)\n        row = following\n    return row[0]\n",
        most=200,
    ),
    Function(
        "the number of ways to write m as a sum of positive whole numbers, whatever their order",
        0,
        lambda m: int(flint.fmpz(m).partitions_p()),
        "def f(m):\n    ways = [1] + [0] * m\n    for part in range(1, m + 1):\n"
        "        for total in range(part, m + 1):\n            ways[total] += ways[total - part]\n"
        "    return ways[m]\n",
        most=400,
    ),
)
"""What a problem may lean on, the plainest first."""

BY_SENTENCE: dict[str, Function] = {function.says: function for function in FUNCTIONS}


@lru_cache(maxsize=1 << 16)
def value_of(says: str, m: int) -> int:
    """f(m), remembered: fits ask for the same small arguments over and over."""
    return BY_SENTENCE[says].compute(m)
