"""Continued fractions, polynomials and series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, repeat

import sympy
from sympy.utilities.iterables import partitions

from known_good.families.base import Tie, every, family, flowing
from known_good.solving import program, value


def _expansion(n: int) -> Iterator[int]:
    whole, *period = sympy.continued_fraction_periodic(0, 1, n)
    return chain([whole], chain.from_iterable(repeat(period[0])) if period else ())


def _not_square(n: int) -> int:
    if sympy.ntheory.primetest.is_square(n):
        raise ValueError("a whole root")
    return n


@family("continued fractions of roots", r"Continued fraction for sqrt\((\d+)\)\.?", 15)
def _fractions(said: re.Match[str], first: int) -> Tie:
    n = _not_square(int(said[1]))
    source = program(f"place = int(input()) - {first}\nprint(next(islice(quotients({n}), place, None)))")
    return Tie(source, flowing(lambda: _expansion(n)))


@family(
    "convergents of roots",
    r"(?:a\(n\) = )?([Nn]umerators?|[Dd]enominators?) of (?:the )?continued fraction convergents to sqrt\((\d+)\)\.?",
    18,
)
def _convergents(said: re.Match[str], first: int) -> Tie:
    n, numerators = _not_square(int(said[2])), said[1].lower().startswith("n")
    source = program(
        f"place = int(input()) - {first}\nh, h1, k, k1 = 1, 0, 0, 1\n"
        f"for a in islice(quotients({n}), place + 1):\n    h, h1, k, k1 = a * h + h1, h, a * k + k1, k\n"
        f"print({'h' if numerators else 'k'})"
    )

    def terms() -> Iterator[int]:
        for x in sympy.continued_fraction_convergents(_expansion(n)):
            yield sympy.numer(x) if numerators else sympy.denom(x)

    return Tie(source, flowing(terms))


@family("cyclotomic values", r"Cyclotomic polynomials at x=(-?\d+)\.?", 15)
def _cyclotomic(said: re.Match[str], first: int) -> Tie:
    x = int(said[1])
    if abs(x) < 2:
        raise ValueError("a factor is zero")
    source = program(
        "n = int(input())\nabove = below = 1\nfor d in divisors(n):\n    sign = mu(n // d)\n"
        f"    if sign == 1:\n        above *= ({x}) ** d - 1\n    elif sign == -1:\n        below *= ({x}) ** d - 1\n"
        "print(above // below)"
    )
    return Tie(source, every(lambda n: sympy.cyclotomic_poly(n, x), max(1, first)), start=max(1, first))


@family("one cyclotomic polynomial", r"(\d+)th cyclotomic polynomial evaluated at powers of (\d+)\.?", 15)
def _at_powers(said: re.Match[str], first: int) -> Tie:
    m, base = int(said[1]), int(said[2])
    source = program(
        f"x = {base} ** int(input())\npoly = {{1: [1]}}\n"
        # Divide x^m - 1 by all cyclotomic polynomials of smaller divisors.
        "def cyclotomic(m):\n    top = [-1] + [0] * (m - 1) + [1]\n    for d in divisors(m)[:-1]:\n"
        "        low = cyclotomic(d)\n        result = []\n        while len(top) >= len(low):\n"
        "            q = top[-1]\n            result.append(q)\n"
        "            for i in range(len(low)):\n                top[-1 - i] -= q * low[-1 - i]\n"
        "            top.pop()\n        top = result[::-1]\n    return top\n"
        f"print(sum(c * x**i for i, c in enumerate(cyclotomic({m}))))"
    )
    return Tie(source, every(lambda n: sympy.cyclotomic_poly(m, base**n), first))


@family(
    "irreducible polynomials",
    r"Number of (?:degree-n )?irreducible polynomials (?:of degree n )?over GF\((\d+)\).*",
    10,
)
def _irreducible(said: re.Match[str], first: int) -> Tie:
    q = int(said[1])
    source = value(f"sum(mu(n // d) * {q}**d for d in divisors(n)) // n")
    # Every element of the field of q^n elements is a root of one irreducible polynomial of a degree d | n.
    known: dict[int, int] = {}

    def reference(n: int) -> int:
        if n not in known:
            known[n] = (q**n - sum(d * reference(d) for d in sympy.divisors(n)[:-1])) // n
        return known[n]

    return Tie(source, every(reference, max(1, first)), start=max(1, first))


@family("partitions into few parts", r"Number of partitions of n into at most (\d+) parts\.?", 5)
def _few_parts(said: re.Match[str], first: int) -> Tie:
    k = int(said[1])
    source = program(
        f"n = int(input())\nways = [1] + [0] * n\nfor part in range(1, {k} + 1):\n"
        "    for total in range(part, n + 1):\n        ways[total] += ways[total - part]\nprint(ways[n])"
    )
    return Tie(source, every(lambda n: sum(1 for _ in partitions(n, m=k)), first))


@family("products of geometric series", r"Expansion of 1/\(((?:\(1 ?- ?\d*\*?x(?:\^\d+)?\)\*?)+)\)\.", 16)
def _series(said: re.Match[str], first: int) -> Tie:
    factors = [(int(c or 1), int(e or 1)) for c, e in re.findall(r"\(1 ?- ?(\d*)\*?x(?:\^(\d+))?\)", said[1])]
    source = program(
        f"n = int(input()) - {first}\nseries = [1] + [0] * n\nfor factor, power in {factors}:\n"
        "    for i in range(power, n + 1):\n        series[i] += factor * series[i - power]\nprint(series[n])"
    )

    def terms(n: int) -> list[int]:
        ring, x = sympy.ring("x", sympy.ZZ)
        denominator = sympy.prod((1 - c * x**e for c, e in factors), start=ring.one)
        found = sympy.polys.ring_series.rs_series_inversion(denominator, x, n)
        return [int(found.coeff(x**i) if i else found.coeff(1)) for i in range(n)]

    return Tie(source, terms)
