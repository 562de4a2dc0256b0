"""Random rules of every family, and a way to run the programs that the agent writes."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import flint
from hypothesis import strategies as st

from codeseq_ray.agents.builtin.rules import (
    AlgebraicSeries,
    ArithmeticRule,
    LinearRecurrence,
    PolynomialRecurrence,
    ProductSeries,
    QuasiPolynomial,
    Rule,
)
from codeseq_ray.agents.builtin.rules.functions import FUNCTIONS
from codeseq_ray.agents.builtin.rules.window import trimmed
from codeseq_ray.agents.builtin.statement import largest

small = st.integers(-9, 9)
nonzero = small.filter(bool)


def starts(least: int = -3) -> st.SearchStrategy[int]:
    return st.integers(least, 5)


@st.composite
def binomial_polynomials(draw: st.DrawFn) -> tuple[Fraction, ...]:
    """Whole-valued polynomials with fractions for coefficients: sums of c·n(n−1)…(n−k+1)/k!."""
    total = flint.fmpq_poly([0])
    basis = flint.fmpq_poly([1])
    for k in range(draw(st.integers(1, 4))):
        total += basis * draw(small)
        basis = basis * flint.fmpq_poly([-k, 1]) / (k + 1)
    coefficients = [Fraction(int(c.p), int(c.q)) for c in total.coeffs()]
    return tuple(coefficients)


@st.composite
def quasi_polynomials(draw: st.DrawFn) -> QuasiPolynomial:
    pieces = draw(st.lists(binomial_polynomials(), min_size=1, max_size=4))
    return QuasiPolynomial(draw(starts()), tuple(pieces))


@st.composite
def linear_recurrences(draw: st.DrawFn) -> LinearRecurrence:
    coefficients = [*draw(st.lists(st.integers(-3, 3), max_size=4)), draw(st.integers(1, 3))]
    contributions = [*draw(st.lists(small, max_size=4)), draw(nonzero)]
    return LinearRecurrence(draw(starts()), tuple(coefficients), tuple(contributions))


@st.composite
def polynomial_recurrences(draw: st.DrawFn) -> PolynomialRecurrence:
    """With the leading factor 1, so that every division is exact."""
    polynomials = st.lists(st.integers(-3, 3), min_size=1, max_size=3).map(trimmed)
    factors = [*draw(st.lists(polynomials, max_size=1)), draw(polynomials.filter(bool))]
    opening = draw(st.lists(small, min_size=len(factors), max_size=len(factors)))
    free = draw(polynomials) if draw(st.booleans()) else ()
    return PolynomialRecurrence(draw(starts()), (1,), tuple(factors), free, tuple(opening))


@st.composite
def product_series(draw: st.DrawFn) -> ProductSeries:
    start = draw(starts())
    pieces = draw(
        st.lists(st.lists(st.integers(-3, 3), max_size=2).map(trimmed), min_size=1, max_size=4).filter(any)
    )
    exponents = QuasiPolynomial(1, tuple(tuple(map(Fraction, piece)) for piece in pieces))
    return ProductSeries(start, start + draw(st.integers(0, 2)), draw(nonzero), exponents)


@st.composite
def algebraic_series(draw: st.DrawFn) -> AlgebraicSeries:
    """A = first + x·(…): the coefficients follow one after another, without division."""
    first = draw(st.integers(-2, 2))
    places = st.tuples(st.integers(0, 3), st.integers(1, 2))
    more = draw(st.dictionaries(places, st.integers(-3, 3).filter(bool), min_size=1, max_size=3))
    more[draw(st.integers(2, 3)), 1] = draw(st.integers(1, 2))
    equation = {(0, 0): first, (1, 0): -1, **more}
    return AlgebraicSeries(
        draw(starts()), first, tuple(sorted((i, j, c) for (i, j), c in equation.items() if c))
    )


@st.composite
def arithmetic_rules(draw: st.DrawFn) -> ArithmeticRule:
    function = draw(st.sampled_from(FUNCTIONS))
    summed = not function.steep and draw(st.booleans())
    argument = (
        (0, 1)
        if summed
        else draw(st.sampled_from([(0, 1), (1, 1), *([] if function.steep else [(1, 2), (1, 0, 1)])]))
    )
    numbers = [*draw(st.sampled_from([(0, 0), (2, 0), (0, -3), (4, 1)])), draw(st.integers(0, 2))]
    numbers[draw(st.integers(0, 2))] = 0
    scaled, squared = draw(st.sampled_from([((1,), 0), ((-2,), 0), ((0, 3), 0), ((1,), 1), ((), 2)]))
    return ArithmeticRule(
        start=draw(st.integers(1, 5)),
        function=function.says,
        argument=argument,
        summed=summed,
        divisor=1,
        plain=trimmed(numbers),
        scaled=scaled,
        squared=squared,
    )


FAMILIES: dict[str, st.SearchStrategy[Rule]] = {
    "quasi-polynomial": quasi_polynomials(),
    "linear recurrence": linear_recurrences(),
    "polynomial recurrence": polynomial_recurrences(),
    "product": product_series(),
    "algebraic": algebraic_series(),
    "arithmetic": arithmetic_rules(),
}

any_rule: st.SearchStrategy[Rule] = st.one_of(*FAMILIES.values())


def printed(source: str, n: int) -> str:
    """What the agent's own program prints for n, run here with `input` and `print` in our hands."""
    lines: list[str] = []
    surroundings = {"input": lambda: str(n), "print": lambda value: lines.append(str(value))}
    exec(compile(source, "program", "exec"), surroundings)
    return "\n".join(lines)


def printed_by_process(source: str, n: int) -> str:
    """The same in a Python of its own, over stdin and stdout."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", source],
        input=f"{n}\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def reach(rule: Rule) -> int:
    """The largest n that the problem of a rule asks for."""
    return largest(rule)
