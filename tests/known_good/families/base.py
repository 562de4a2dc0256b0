"""What a family is, and the ways to list sympy's terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

FARTHEST = 2000
"""Members are looked for up to here: neither side shall search for long."""
FEWEST = 10
"""A sequence of which fewer terms can be reached is not used."""


@dataclass(frozen=True)
class Tie:
    """A sequence's program, and sympy's terms of it."""

    program: str
    terms: Callable[[int], list[int]]
    """The first so many; fewer if there are not more, or not within reach."""
    start: int | None = None
    """The first index that the name defines, if it is not that of the first term."""


Reading = Callable[[re.Match[str], int], Tie]
"""(what the name says, the index of the first term) → the tie. ValueError: the name says something else after all."""


@dataclass(frozen=True)
class Family:
    title: str
    name: re.Pattern[str]
    read: Reading
    at_most: int = 30
    """How many of its sequences the short test draws."""


def every(function: Callable[[int], int], first: int) -> Callable[[int], list[int]]:
    return lambda n: [int(function(k)) for k in range(first, first + n)]


def members(
    test: Callable[[int], object], least: int, farthest: int = FARTHEST
) -> Callable[[int], list[int]]:
    return lambda n: list(islice((k for k in range(least, farthest) if test(k)), n))


def listed(terms: Iterable[int]) -> Callable[[int], list[int]]:
    kept = [int(t) for t in terms]
    return lambda n: kept[:n]


def flowing(terms: Callable[[], Iterator[int]]) -> Callable[[int], list[int]]:
    return lambda n: [int(t) for t in islice(terms(), n)]


def family(title: str, name: str, at_most: int = 30) -> Callable[[Reading], Reading]:
    def register(read: Reading) -> Reading:
        FAMILIES.append(Family(title, re.compile(name), read, at_most))
        return read

    return register


FAMILIES: list[Family] = []
