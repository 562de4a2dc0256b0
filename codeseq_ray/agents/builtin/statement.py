"""A rule told as a problem: a setting, the whole rule in formulas, formats and two worked examples.

The definition's sentences have one fixed form for each kind of rule (`reading` takes them apart again). The text
shows parameters of the rule, never a value past the examples: recurrences are stated with one-off contributions
or steps instead of lists of values.
"""

from __future__ import annotations

from functools import singledispatch
from itertools import pairwise

from codeseq_ray.agents.builtin.notation import polynomial_text, power_text, sum_text
from codeseq_ray.agents.builtin.rules import (
    AlgebraicSeries,
    ArithmeticRule,
    LinearRecurrence,
    PolynomialRecurrence,
    ProductSeries,
    QuasiPolynomial,
    Rule,
)
from codeseq_ray.agents.builtin.stories import story_of

REACH = 500
"""Largest n that a problem asks for, or so many past the start: outputs stay reasonable."""


def description(rule: Rule) -> str:
    """Setting, definition and question, in three paragraphs; equal rules give equal texts."""
    story = story_of(rule)
    return f"{story.setting}\n\n{define(rule, story.symbol)}\n\n{story.question}"


def input_format(rule: Rule) -> str:
    return f"One line with one integer n ({rule.start} <= n <= {largest(rule)})."


def output_format(rule: Rule) -> str:
    return f"One line with one integer, {story_of(rule).symbol}(n)."


def largest(rule: Rule) -> int:
    return REACH if rule.start <= REACH // 5 else rule.start + REACH


def lag(symbol: str, i: int) -> str:
    return f"{symbol}(n-{i})"


def inner_atom(rule: ArithmeticRule) -> str:
    """How the function's value stands in the formula: `f(n^2 + 1)`, or `F(n)` for the running sum."""
    return "F(n)" if rule.summed else f"f({polynomial_text(rule.argument)})"


@singledispatch
def define(rule: Rule, symbol: str) -> str:
    """The definition: one paragraph from which every value follows."""
    raise TypeError(f"no statement for {type(rule).__name__}")


@define.register
def _(rule: QuasiPolynomial, symbol: str) -> str:
    if rule.period == 1:
        formula = polynomial_text(rule.pieces[0])
        return f"For every integer n >= {rule.start} the rule is: {symbol}(n) = {formula}."
    head = (
        f"Let r be the remainder of n after division by {rule.period}, so that 0 <= r < {rule.period}. "
        f"For every integer n >= {rule.start} the rule is:"
    )
    if not rule.bounded:
        return f"{head}\n{cases_text(rule, f'{symbol}(n)', 'n')}"
    steps = ", ".join(map(str, remainder_steps(rule)))
    return f"{head} {symbol}(n) is the sum of the first r + 1 numbers of this list: {steps}."


def remainder_steps(rule: QuasiPolynomial) -> list[int]:
    """How a periodic sequence changes from remainder to remainder, from 0 on: not the values themselves."""
    values = [int(piece[0]) if piece else 0 for piece in rule.pieces]
    return [b - a for a, b in pairwise([0, *values])]


def cases_text(rule: QuasiPolynomial, left: str, name: str) -> str:
    """One formula for each remainder, or the list of the numbers where all formulas are numbers."""
    if rule.bounded:
        values = ", ".join(polynomial_text(piece) for piece in rule.pieces)
        return f"{left} stands at place r of this list, its places counted from 0: {values}."
    lines = [
        f"if r = {r} then {left} = {polynomial_text(piece, name)}" for r, piece in enumerate(rule.pieces)
    ]
    return ";\n".join(lines) + "."


def linear_right_side(rule: LinearRecurrence, symbol: str) -> str:
    terms = [(c, lag(symbol, i)) for i, c in enumerate(rule.coefficients, 1)]
    return sum_text([*terms, (1, "g(n)")])


@define.register
def _(rule: LinearRecurrence, symbol: str) -> str:
    gifts = ", ".join(map(str, rule.contributions))
    last = rule.start + len(rule.contributions) - 1
    return (
        f"For every integer n < {rule.start} the rule is: {symbol}(n) = 0. "
        f"For every integer n >= {rule.start} the rule is: {symbol}(n) = {linear_right_side(rule, symbol)}. "
        f"Here g(n) is a one-off extra: as n runs from {rule.start} to {last} the extras are, in order: "
        f"{gifts}; for every other n the extra is 0."
    )


def recurrence_sides(rule: PolynomialRecurrence, symbol: str) -> tuple[str, str]:
    """Left and right side: `(n + 1)*t(n)` and `(4*n - 2)*t(n-1) + n^2`."""
    terms = [_scaled(f, lag(symbol, i)) for i, f in enumerate(rule.factors, 1) if any(f)]
    terms += [(c, power_text("n", e)) for e, c in reversed(list(enumerate(rule.free)))]
    return sum_text([_scaled(rule.leading, f"{symbol}(n)")]), sum_text(terms)


def _scaled(polynomial: tuple[int, ...], atom: str) -> tuple[int, str]:
    """A term `polynomial·atom` for `sum_text`: brackets only around sums, the sign taken out of them."""
    powers = [(c, power_text("n", e)) for e, c in enumerate(polynomial) if c]
    if len(powers) == 1:
        ((c, name),) = powers
        return c, f"{name}*{atom}" if name else atom
    sign = -1 if polynomial[-1] < 0 else 1
    return sign, f"({polynomial_text([sign * c for c in polynomial])})*{atom}"


def opening_steps(rule: PolynomialRecurrence) -> list[int]:
    """The opening as changes from 0 on: the text tells how it comes about, not input and output."""
    return [b - a for a, b in pairwise([0, *rule.opening])]


@define.register
def _(rule: PolynomialRecurrence, symbol: str) -> str:
    left, right = recurrence_sides(rule, symbol)
    first, size = rule.start, len(rule.opening)
    steps = ", ".join(map(str, opening_steps(rule)))
    if size == 1:
        opening = f"The first value, at n = {first}: begin with 0 and add {steps}. "
    else:
        opening = (
            f"The first {size} values, from n = {first} on: begin with 0 and add, one after the other, {steps}; "
            f"each sum on the way is a value. "
        )
    division = "" if rule.leading == (1,) else " The division that this asks for never leaves a remainder."
    return f"{opening}For every integer n >= {first + size} the rule is: {left} = {right}.{division}"


@define.register
def _(rule: ProductSeries, symbol: str) -> str:
    exponents = rule.exponents
    if exponents.period == 1:
        powers = f"For every integer k >= 1 let c(k) = {polynomial_text(exponents.pieces[0], 'k')}."
    else:
        powers = (
            f"For every integer k >= 1 let r be the remainder of k after division by {exponents.period}:\n"
            + cases_text(exponents, "c(k)", "k")
        )
    times = "" if rule.factor == 1 else f"{rule.factor} times "
    before = "" if rule.lead == rule.start else " A negative power of x has the coefficient 0."
    return (
        f"{powers}\nMultiply out the infinite product (1 - x)^(-c(1)) * (1 - x^2)^(-c(2)) * (1 - x^3)^(-c(3)) "
        f"* ... into a power series in x. For every integer n >= {rule.start} the rule is: {symbol}(n) is "
        f"{times}the coefficient of {exponent_text(rule)} in that series.{before}"
    )


def exponent_text(rule: ProductSeries) -> str:
    """The power of x that belongs to n: `x^n` or `x^(n - 1)`."""
    return f"x^({sum_text([(1, 'n'), (-rule.lead, '')])})" if rule.lead else "x^n"


def equation_text(rule: AlgebraicSeries) -> str:
    def name(i: int, j: int) -> str:
        return "*".join(part for part in (power_text("x", j), power_text("A", i)) if part)

    return sum_text([(c, name(i, j)) for i, j, c in sorted(rule.equation, key=lambda t: (t[1], t[0]))])


@define.register
def _(rule: AlgebraicSeries, symbol: str) -> str:
    s = rule.start
    place = sum_text([(1, "k"), (s, "")])
    return (
        f"Write the values into one power series A = {symbol}({s}) + {symbol}({s + 1})*x + "
        f"{symbol}({s + 2})*x^2 + ..., so that the coefficient of x^k is the value with the number {place}. "
        f"The rule is: at x = 0 the series has the value {rule.first}, and "
        f"0 = {equation_text(rule)}. Exactly one power series satisfies both."
    )


def arithmetic_right_side(rule: ArithmeticRule) -> str:
    atom = inner_atom(rule)
    terms = [
        *((c, power_text("n", e)) for e, c in reversed(list(enumerate(rule.plain)))),
        *((c, "*".join(p for p in (power_text("n", e), atom) if p)) for e, c in enumerate(rule.scaled)),
        (rule.squared, f"{atom}^2"),
    ]
    text = sum_text(terms)
    return text if rule.divisor == 1 else f"({text})/{rule.divisor}"


@define.register
def _(rule: ArithmeticRule, symbol: str) -> str:
    running = " Let F(n) be the sum f(1) + f(2) + ... + f(n), and F(0) = 0." if rule.summed else ""
    return (
        f"For a whole number m let f(m) be {rule.function}.{running} "
        f"For every integer n >= {rule.start} the rule is: {symbol}(n) = {arithmetic_right_side(rule)}."
    )
