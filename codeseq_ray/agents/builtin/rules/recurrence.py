"""Linear recurrences: with constant coefficients, and with polynomials in n as coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import flint

from codeseq_ray.agents.builtin.relations import PRIME, berlekamp_massey, relation, symmetric
from codeseq_ray.agents.builtin.rules.window import Window, statable, trimmed

SPARE = 4
"""Equations that must hold beyond the parameters."""
LINEAR_SPARE = 5
HIGHEST_ORDER = 24
LONGEST_HEAD = 4
"""Exceptional terms before a recurrence with constant coefficients sets in: each is a free parameter, and terms that
come late are a sign of another exception to come."""
LONGEST_WINDOW = 150
"""Terms that the search looks at; the rule found is checked on all."""

# (order, degree, degree of the free term or -1), by ascending number of unknowns.
_SHAPES = sorted(
    (
        (order, degree, free)
        for order in (1, 2, 3, 4)
        for degree in (1, 2, 3, 4)
        for free in (-1, 0, 1, 2)
        if (order + 1) * (degree + 1) + free + 1 <= 16
    ),
    key=lambda shape: ((shape[0] + 1) * (shape[1] + 1) + shape[2] + 1, shape[0], shape[2]),
)


@dataclass(frozen=True)
class LinearRecurrence:
    """t(n) = Σ coefficients[i]·t(n−1−i) + contribution(n) for n ≥ start, and t(n) = 0 before.

    contribution(start + k) = contributions[k], and 0 from there on: the power series numerator ÷ denominator.
    """

    start: int
    coefficients: tuple[int, ...]
    contributions: tuple[int, ...]

    @property
    def parameters(self) -> int:
        return sum(1 for c in (*self.coefficients, *self.contributions) if c)

    def values(self, last: int) -> list[int]:
        out: list[int] = []
        for k in range(last - self.start + 1):
            value = self.contributions[k] if k < len(self.contributions) else 0
            for i, c in enumerate(self.coefficients[:k]):
                value += c * out[k - 1 - i]
            out.append(value)
        return out

    def value(self, n: int) -> int:
        return self.values(n)[-1]


def fit_linear(window: Window) -> LinearRecurrence | None:
    """Berlekamp–Massey modulo a prime, lifted. (By Fatou's lemma the coefficients of integer terms are integers.)"""
    terms = window.terms
    short = terms[:LONGEST_WINDOW]
    order, connection = berlekamp_massey(short)
    if order == 0 or order > HIGHEST_ORDER or 2 * order + LINEAR_SPARE > len(short):
        return None
    tail = [symmetric(c) for c in connection[1 : order + 1]]
    while tail and tail[-1] == 0:
        tail.pop()
    coefficients = tuple(-c for c in tail)
    if not coefficients or order - len(coefficients) > LONGEST_HEAD or not statable([*coefficients]):
        return None

    def contribution(k: int) -> int:
        return terms[k] - sum(c * terms[k - 1 - i] for i, c in enumerate(coefficients[:k]))

    # Exact check: beyond the order nothing may be left over.
    if any(contribution(k) for k in range(order, len(terms))):
        return None
    contributions = [contribution(k) for k in range(order)]
    while contributions and contributions[-1] == 0:
        contributions.pop()
    if not statable([*coefficients, *contributions]):
        return None
    return LinearRecurrence(window.start, coefficients, tuple(contributions))


@dataclass(frozen=True)
class PolynomialRecurrence:
    """leading(n)·t(n) = Σ factors[i](n)·t(n−1−i) + free(n) for n ≥ start + len(opening), the division exact.

    `opening` are the values at start, start + 1, …; polynomials are integer coefficients in ascending order.
    """

    start: int
    leading: tuple[int, ...]
    factors: tuple[tuple[int, ...], ...]
    free: tuple[int, ...]
    opening: tuple[int, ...]

    @property
    def parameters(self) -> int:
        numbers = [*self.leading, *self.free, *self.opening, *(c for f in self.factors for c in f)]
        return sum(1 for c in numbers if c)

    def values(self, last: int) -> list[int]:
        out = list(self.opening)
        for n in range(self.start + len(out), last + 1):
            total = _at(self.free, n) + sum(_at(f, n) * out[-1 - i] for i, f in enumerate(self.factors))
            out.append(total // _at(self.leading, n))
        return out[: last - self.start + 1]

    def value(self, n: int) -> int:
        return self.values(n)[-1]


def _at(coefficients: tuple[int, ...], n: int) -> int:
    total = 0
    for c in reversed(coefficients):
        total = total * n + c
    return total


def fit_polynomial_recurrence(window: Window) -> PolynomialRecurrence | None:
    """The first shape, by number of unknowns, in which the terms satisfy one relation."""
    n_terms = min(len(window), LONGEST_WINDOW)
    terms = window.terms[:n_terms]
    residues = [t % PRIME for t in terms]
    if len(set(terms)) < 4:
        return None
    for order, degree, free in _SHAPES:
        unknowns = (order + 1) * (degree + 1) + free + 1
        if n_terms - order < unknowns + SPARE:
            break
        if not _may_hold(residues, window.start, order, degree, free, unknowns):
            continue
        places = range(order, n_terms)
        columns = [
            [(window.start + k) ** e * terms[k - lag] for k in places]
            for lag in range(order + 1)
            for e in range(degree + 1)
        ]
        columns += [[(window.start + k) ** e for k in places] for e in range(free + 1)]
        rule = _rule(window, columns, order, degree)
        if rule:
            return rule
    return None


def _may_hold(residues: list[int], start: int, order: int, degree: int, free: int, unknowns: int) -> bool:
    """Quick test modulo the prime on just enough equations, at the far end, where little holds by chance."""
    end = len(residues)
    entries = []
    for k in range(end - unknowns - 1, end):
        powers = [pow(start + k, e, PRIME) for e in range(max(degree, free) + 1)]
        for lag in range(order + 1):
            entries += [p * residues[k - lag] % PRIME for p in powers[: degree + 1]]
        entries += powers[: free + 1]
    matrix = flint.nmod_mat(unknowns + 1, unknowns, entries, PRIME)
    return bool(matrix.rank() < unknowns)


def _rule(window: Window, columns: list[list[int]], order: int, degree: int) -> PolynomialRecurrence | None:
    vector = relation(columns, SPARE, wanted=degree + 1)
    if vector is None:
        return None
    width = degree + 1
    blocks = [trimmed(vector[i * width : (i + 1) * width]) for i in range(order + 1)]
    leading, factors = blocks[0], [tuple(-c for c in b) for b in blocks[1:]]
    free = tuple(-c for c in trimmed(vector[(order + 1) * width :]))
    while factors and not factors[-1]:
        factors.pop()
    if not factors:
        return None
    opening = window.terms[: len(factors)]
    rule = PolynomialRecurrence(window.start, leading, tuple(factors), free, opening)
    if not statable([*leading, *free, *opening, *(c for f in factors for c in f)]):
        return None
    first = window.start + len(opening)
    if any(int(root) >= first for root, _ in flint.fmpz_poly(list(leading)).roots()):
        return None
    # Exact on every term, those past the searched ones included.
    last = window.start + len(window) - 1
    return rule if rule.values(last) == list(window.terms) else None
