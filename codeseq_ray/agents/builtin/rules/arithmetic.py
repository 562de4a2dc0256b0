"""Sequences that follow from one well-known arithmetic function: t(n) = P(n) + Q(n)·f(m) + c·f(m)², m = g(n)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import flint

from codeseq_ray.agents.builtin.relations import PRIME, relation
from codeseq_ray.agents.builtin.rules.functions import BY_SENTENCE, FUNCTIONS, Function, value_of
from codeseq_ray.agents.builtin.rules.window import Window, trimmed

SPARE = 4
MOST_TERMS = 4
LARGEST_FACTOR = 1000
LARGEST_DIVISOR = 12
"""Beyond these bounds a relation with so many functions to choose from is more likely chance than reason."""
MOST_TERMS_OF_TWO_DIGITS = 1
"""Numbers of one or two digits b, a are n and one function of b: there any quadratic form in the digits is a
polynomial in both, and says nothing of three digits (A003132, the sum of the squared digits, was told so)."""

MOST_START = 20
LEAST_BENDS = 8
"""Third differences of the terms that must not vanish: among so many functions there is always one that explains
one or two exceptional terms of a polynomial."""

_TESTED = 7
"""Equations of the quick test: one more than the unknown coefficients."""

ARGUMENTS: tuple[tuple[int, ...], ...] = (
    (0, 1),
    (1, 1),
    (-1, 1),
    (0, 2),
    (1, 2),
    (-1, 2),
    (0, 0, 1),
    (1, 0, 1),
    (-1, 0, 1),
    (0, 1, 1),
    (0, 3),
    (1, 3),
    (2, 3),
)
"""Polynomials g in ascending order: n, n + 1, n − 1, 2n, 2n + 1, 2n − 1, n², n² + 1, n² − 1, n² + n, 3n + i."""


@dataclass(frozen=True)
class ArithmeticRule:
    """divisor·t(n) = plain(n) + scaled(n)·F + squared·F² for n ≥ start.

    F = f(argument(n)), or Σ_{k=1..n} f(k) where `summed`; `function` is the sentence that defines f.
    """

    start: int
    function: str
    argument: tuple[int, ...]
    summed: bool
    divisor: int
    plain: tuple[int, ...]
    scaled: tuple[int, ...]
    squared: int

    @property
    def parameters(self) -> int:
        numbers = (*self.plain, *self.scaled, self.squared, self.divisor - 1)
        return 1 + sum(1 for c in numbers if c) + (self.argument != (0, 1))

    def inner(self, n: int) -> int:
        """F: the value, or the sum of values, that the rule is built on."""
        return _inner(self.function, self.argument, self.summed, n)

    def value(self, n: int) -> int:
        inner = self.inner(n)
        total = _at(self.plain, n) + _at(self.scaled, n) * inner + self.squared * inner**2
        return total // self.divisor

    def values(self, last: int) -> list[int]:
        return [self.value(n) for n in range(self.start, last + 1)]


def _at(coefficients: tuple[int, ...], n: int) -> int:
    return sum(c * n**e for e, c in enumerate(coefficients))


def _inner(function: str, argument: tuple[int, ...], summed: bool, n: int) -> int:
    if not summed:
        return value_of(function, _at(argument, n))
    sums = _running_sums(function)
    while len(sums) <= n:
        sums.append(sums[-1] + value_of(function, len(sums)))
    return sums[max(n, 0)]


@lru_cache(maxsize=len(FUNCTIONS))
def _running_sums(function: str) -> list[int]:
    """F(0), F(1), … as far as they were asked for; grows in place."""
    return [0]


def fit_arithmetic(window: Window) -> ArithmeticRule | None:
    """The first function and argument for which the terms satisfy one relation."""
    if len(window) < _TESTED + SPARE or not 0 <= window.start <= MOST_START:
        return None
    if _bends(window.terms) < LEAST_BENDS:
        return None
    candidates, tests = _tests(window.start)
    head = flint.nmod_mat(_TESTED, 1, [t % PRIME for t in window.terms[:_TESTED]], PRIME)
    last = window.start + len(window) - 1
    for candidate, residue in zip(candidates, (tests * head).entries(), strict=True):
        if int(residue) == 0 and candidate.defined(last):
            rule = _rule(window, candidate)
            if rule:
                return rule
    return None


@dataclass(frozen=True)
class _Candidate:
    function: str
    argument: tuple[int, ...]
    summed: bool

    def defined(self, n: int) -> bool:
        if self.summed:
            return n >= 0
        function = BY_SENTENCE[self.function]
        return function.least <= _at(self.argument, n) <= function.most

    def columns(self, places: range) -> list[list[int]]:
        inner = [_inner(self.function, self.argument, self.summed, n) for n in places]
        return [
            [1] * len(places),
            list(places),
            [n * n for n in places],
            inner,
            [n * f for n, f in zip(places, inner, strict=True)],
            [f * f for f in inner],
        ]


def _of(function: Function) -> list[_Candidate]:
    arguments = [a for a in ARGUMENTS if a[1:] == (1,)] if function.steep else ARGUMENTS
    plain = [_Candidate(function.says, argument, False) for argument in arguments]
    return plain if function.steep else [*plain, _Candidate(function.says, (0, 1), True)]


@lru_cache(maxsize=MOST_START + 1)
def _tests(first: int) -> tuple[list[_Candidate], flint.nmod_mat]:
    """Candidates, and a matrix with one row u for each: u·terms = 0 where the first seven terms obey it.

    u annihilates each of the candidate's columns, so one product of matrices tests all candidates at once.
    """
    places = range(first, first + _TESTED)
    candidates = [
        candidate
        for function in FUNCTIONS
        for candidate in _of(function)
        if candidate.defined(places[0]) and candidate.defined(places[-1])
    ]
    rows: list[int] = []
    for candidate in candidates:
        columns = candidate.columns(places)
        matrix = flint.nmod_mat(len(columns), _TESTED, [x % PRIME for c in columns for x in c], PRIME)
        basis, nullity = matrix.nullspace()
        rows += [int(basis[i, nullity - 1]) for i in range(_TESTED)]
    return candidates, flint.nmod_mat(len(candidates), _TESTED, rows, PRIME)


def _rule(window: Window, candidate: _Candidate) -> ArithmeticRule | None:
    places = range(window.start, window.start + len(window))
    vector = relation([list(window.terms), *candidate.columns(places)], SPARE, wanted=1)
    if vector is None or not any(vector[4:]) or vector[0] > LARGEST_DIVISOR:
        return None
    rest = [-v for v in vector[1:]]
    if sum(1 for c in rest if c) > MOST_TERMS or any(abs(c) > LARGEST_FACTOR for c in rest):
        return None
    base = BY_SENTENCE[candidate.function].base
    if _at(candidate.argument, places[-1]) < base**2 and sum(1 for c in rest if c) > MOST_TERMS_OF_TWO_DIGITS:
        return None
    return ArithmeticRule(
        start=window.start,
        function=candidate.function,
        argument=candidate.argument,
        summed=candidate.summed,
        divisor=vector[0],
        plain=trimmed(rest[:3]),
        scaled=trimmed(rest[3:5]),
        squared=rest[5],
    )


def _bends(terms: tuple[int, ...]) -> int:
    values = list(terms)
    for _ in range(3):
        values = [b - a for a, b in pairwise(values)]
    return sum(1 for v in values if v)
