"""Polynomials, and quasi-polynomials: one polynomial for each remainder of n (a periodic sequence is one)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from codeseq_ray.agents.builtin.rules.window import Window, statable

LONGEST_PERIOD = 12
HIGHEST_DEGREE = 8
SPARE = 5
"""Equations that must hold beyond the parameters; never fewer than one for every remainder."""


@dataclass(frozen=True)
class QuasiPolynomial:
    """t(n) = pieces[n mod period](n) for every n ≥ start; coefficients in ascending order of the power."""

    start: int
    pieces: tuple[tuple[Fraction, ...], ...]

    @property
    def period(self) -> int:
        return len(self.pieces)

    @property
    def parameters(self) -> int:
        return sum(1 for piece in self.pieces for c in piece if c) + (self.period > 1)

    @property
    def bounded(self) -> bool:
        """Is the sequence periodic?"""
        return all(len(piece) <= 1 for piece in self.pieces)

    def value(self, n: int) -> int:
        """t(n), the whole part taken where a piece should fail to be whole."""
        total = Fraction(0)
        for coefficient in reversed(self.pieces[n % self.period]):
            total = total * n + coefficient
        return total.numerator // total.denominator

    def values(self, last: int) -> list[int]:
        return [self.value(n) for n in range(self.start, last + 1)]


def fit_polynomial(window: Window) -> QuasiPolynomial | None:
    return _fit(window, 1)


def fit_quasipolynomial(window: Window) -> QuasiPolynomial | None:
    """The one with the fewest parameters among the periods from 2 on."""
    found = [rule for p in range(2, LONGEST_PERIOD + 1) if (rule := _fit(window, p))]
    return min(found, key=lambda rule: rule.parameters, default=None)


def _fit(window: Window, period: int) -> QuasiPolynomial | None:
    """Differences over one period vanish after degree + 1 steps; what is left of them are spare equations."""
    left = list(window.terms)
    spare = max(SPARE, period)
    degree = -1
    while any(left):
        left = [b - a for a, b in zip(left, left[period:], strict=False)]
        degree += 1
        if degree > HIGHEST_DEGREE or len(left) < spare:
            return None
    if len(left) < spare:
        return None
    pieces: list[tuple[Fraction, ...]] = [()] * period
    for r in range(period):
        first = (r - window.start) % period
        points = window.items()[first::period][: degree + 1]
        pieces[r] = _interpolate(points)
    rule = QuasiPolynomial(window.start, tuple(pieces))
    numbers = [int(c * lcm(*(c.denominator for c in piece))) for piece in pieces for c in piece]
    return rule if statable(numbers) else None


def _interpolate(points: list[tuple[int, int]]) -> tuple[Fraction, ...]:
    """Newton's interpolation; ascending coefficients without leading zeros."""
    places = [x for x, _ in points]
    divided = [Fraction(y) for _, y in points]
    for level in range(1, len(points)):
        for i in range(len(points) - 1, level - 1, -1):
            divided[i] = (divided[i] - divided[i - 1]) / (places[i] - places[i - level])
    out: list[Fraction] = []
    for place, top in zip(reversed(places), reversed(divided), strict=True):
        shifted = [Fraction(0), *out]
        for i, c in enumerate(out):
            shifted[i] -= place * c
        shifted[0] += top
        out = shifted
    while out and out[-1] == 0:
        out.pop()
    return tuple(out)
