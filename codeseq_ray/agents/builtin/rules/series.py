"""Sequences told as power series: infinite products, and series that satisfy a polynomial equation."""

from __future__ import annotations

from dataclasses import dataclass

from codeseq_ray.agents.builtin.relations import relation
from codeseq_ray.agents.builtin.rules.quasipolynomial import (
    QuasiPolynomial,
    fit_polynomial,
    fit_quasipolynomial,
)
from codeseq_ray.agents.builtin.rules.window import Window, statable

LONGEST_WINDOW = 60
LONGEST_ALGEBRAIC_WINDOW = 40
"""Long windows mean small terms, which series of this kind hardly ever have."""
SPARE = 4
MOST_ZEROS = 3

# (degree in A, degree in x), by ascending number of unknowns.
_EQUATION_SHAPES = ((2, 2), (3, 1), (4, 1), (2, 3), (3, 2), (5, 1))


@dataclass(frozen=True)
class ProductSeries:
    """t(n) is factor times the coefficient of x^(n−lead) in Π_{k≥1} (1 − x^k)^(−exponents(k)); 0 for n < lead."""

    start: int
    lead: int
    factor: int
    exponents: QuasiPolynomial

    @property
    def parameters(self) -> int:
        return self.exponents.parameters + (self.factor != 1) + (self.lead != self.start)

    def values(self, last: int) -> list[int]:
        """n·p(n) = Σ_{k=1..n} b(k)·p(n−k) with b(k) = Σ_{d|k} d·exponents(d): the logarithmic derivative."""
        size = last - self.lead + 1
        b = [0] * max(size, 1)
        for d in range(1, size):
            weight = d * self.exponents.value(d)
            for k in range(d, size, d):
                b[k] += weight
        product = [1]
        for n in range(1, size):
            product.append(sum(b[k] * product[n - k] for k in range(1, n + 1)) // n)
        zeros = [0] * (self.lead - self.start)
        return (zeros + [self.factor * p for p in product])[: last - self.start + 1]

    def value(self, n: int) -> int:
        return self.values(n)[-1]


def fit_product(window: Window) -> ProductSeries | None:
    """Inverse Euler transform; its values must be a polynomial or quasi-polynomial with equations to spare."""
    terms = window.terms[:LONGEST_WINDOW]
    zeros = next((i for i, t in enumerate(terms) if t), len(terms))
    if zeros > MOST_ZEROS or zeros == len(terms):
        return None
    factor = terms[zeros]
    if abs(factor) > 1000 or any(t % factor for t in terms):
        return None
    exponents = _exponents([t // factor for t in terms[zeros:]])
    if not exponents:
        return None
    places = Window(1, exponents)
    rule = fit_polynomial(places) or fit_quasipolynomial(places)
    if rule is None or not any(rule.pieces):
        return None
    found = ProductSeries(window.start, window.start + zeros, factor, rule)
    last = window.start + len(window) - 1
    return found if found.values(last) == list(window.terms) else None


def _exponents(series: list[int]) -> tuple[int, ...]:
    """c(1), c(2), … with Σ series[n]·x^n = Π (1 − x^k)^(−c(k)); () if they are not integers or grow wildly."""
    size = len(series)
    b = [0] * size
    divisor_sums = [0] * size
    out = []
    for n in range(1, size):
        b[n] = n * series[n] - sum(b[k] * series[n - k] for k in range(1, n))
        rest = b[n] - divisor_sums[n]
        if rest % n:
            return ()
        c = rest // n
        if abs(c) > (n + 10) ** 4:
            return ()
        for k in range(n, size, n):
            divisor_sums[k] += n * c
        out.append(c)
    return tuple(out)


@dataclass(frozen=True)
class AlgebraicSeries:
    """A = Σ_{k≥0} t(start + k)·x^k is the series with A(0) = first and Σ c·x^j·A^i = 0 over equation's (i, j, c).

    The derivative by A does not vanish at x = 0, A = first, so that there is exactly one such series.
    """

    start: int
    first: int
    equation: tuple[tuple[int, int, int], ...]

    @property
    def parameters(self) -> int:
        return len(self.equation)

    @property
    def slope(self) -> int:
        """The factor of the unknown coefficient in the equation's coefficient of x^k, the same for every k ≥ 1."""
        return sum(c * i * self.first ** (i - 1) for i, j, c in self.equation if j == 0 and i > 0)

    def values(self, last: int) -> list[int]:
        """Coefficient after coefficient: powers of A so far give the part that the new coefficient must cancel."""
        degree = max(i for i, _, _ in self.equation)
        size = last - self.start + 1
        powers = [[1] + [0] * (size - 1)] + [[self.first**i] for i in range(1, degree + 1)]
        series = powers[1] if degree >= 1 else []
        for k in range(1, size):
            for i in range(1, degree + 1):
                if i > 1:
                    below = powers[i - 1]
                    powers[i].append(
                        sum(series[m] * below[k - m] for m in range(1, k)) + self.first * below[k]
                    )
                else:
                    series.append(0)
            rest = sum(c * powers[i][k - j] for i, j, c in self.equation if j <= k)
            new = -rest // self.slope
            for i in range(1, degree + 1):
                powers[i][k] += i * self.first ** (i - 1) * new
        return series[:size]

    def value(self, n: int) -> int:
        return self.values(n)[-1]


def fit_algebraic(window: Window) -> AlgebraicSeries | None:
    """The first shape, by number of unknowns, in which powers of the series satisfy one relation."""
    if len(window) > LONGEST_ALGEBRAIC_WINDOW:
        return None
    size = len(window)
    powers = [[1] + [0] * (size - 1)]
    for i, j in _EQUATION_SHAPES:
        unknowns = (i + 1) * (j + 1)
        if size < unknowns + SPARE:
            continue
        while len(powers) <= i:
            below = powers[-1]
            powers.append([sum(window.terms[m] * below[k - m] for m in range(k + 1)) for k in range(size)])
        shape = [(a, b) for a in range(i + 1) for b in range(j + 1)]
        columns = [[0] * b + powers[a][: size - b] for a, b in shape]
        # A relation without A itself would be one between powers of x: there is none.
        vector = relation(columns, SPARE, wanted=unknowns)
        if vector is None:
            continue
        equation = tuple((a, b, c) for (a, b), c in zip(shape, vector, strict=True) if c)
        rule = _algebraic(window, equation)
        if rule:
            return rule
    return None


def _algebraic(window: Window, equation: tuple[tuple[int, int, int], ...]) -> AlgebraicSeries | None:
    rule = AlgebraicSeries(window.start, window.terms[0], equation)
    if not statable([c for _, _, c in equation]) or abs(rule.first) > 10**6:
        return None
    if max(i for i, _, _ in equation) < 2 or rule.slope == 0:
        return None
    last = window.start + len(window) - 1
    return rule if rule.values(last) == list(window.terms) else None
