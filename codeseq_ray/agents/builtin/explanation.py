"""How a value follows from the stated rule, with the numbers put in. Never goes past the index asked for."""

from __future__ import annotations

from functools import singledispatch
from itertools import pairwise

from codeseq_ray.agents.builtin.notation import polynomial_text, power_text, substituted, sum_text
from codeseq_ray.agents.builtin.rules import (
    AlgebraicSeries,
    ArithmeticRule,
    LinearRecurrence,
    PolynomialRecurrence,
    ProductSeries,
    QuasiPolynomial,
    Rule,
)
from codeseq_ray.agents.builtin.statement import (
    arithmetic_right_side,
    inner_atom,
    lag,
    recurrence_sides,
    remainder_steps,
)

MOST_STEPS = 6
"""Steps of a recurrence that an explanation spells out; earlier values are listed."""


def brief(n: int, symbol: str, value: int) -> str:
    """An explanation without intermediate numbers."""
    return f"Working the rule through for n = {n} gives {symbol}({n}) = {value}."


@singledispatch
def explain(rule: Rule, n: int, symbol: str) -> str:
    """Sentences that end in the value of the rule at n ≥ start."""
    raise TypeError(f"no explanation for {type(rule).__name__}")


@explain.register
def _(rule: QuasiPolynomial, n: int, symbol: str) -> str:
    if rule.period > 1 and rule.bounded:
        steps = remainder_steps(rule)[: n % rule.period + 1]
        formula = " + ".join(str(d) if d >= 0 else f"({d})" for d in steps)
    else:
        formula = polynomial_text(rule.pieces[n % rule.period])
    lead = f"{n} leaves the remainder {n % rule.period} after division by {rule.period}, so "
    return (lead if rule.period > 1 else "") + _evaluated(
        symbol, n, substituted(formula, {"n": n}), rule.value(n)
    )


def _evaluated(symbol: str, n: int, calculation: str, value: int) -> str:
    shown = "" if calculation == str(value) else f"{calculation} = "
    return f"{symbol}({n}) = {shown}{value}."


def _steps(first: int, n: int) -> range:
    return range(max(first, n - MOST_STEPS + 1), n + 1)


def _before(symbol: str, start: int, values: list[int], end: int) -> str:
    """The values up to but not including index `end`, if any have to be told."""
    if end <= start:
        return ""
    known = ", ".join(f"{symbol}({i}) = {v}" for i, v in enumerate(values[: end - start], start))
    return f"The rule gives {known}. " if end - start <= MOST_STEPS else ""


@explain.register
def _(rule: LinearRecurrence, n: int, symbol: str) -> str:
    values = rule.values(n)
    steps = _steps(rule.start, n)
    text = [_before(symbol, rule.start, values, steps[0])]
    for place in steps:
        k = place - rule.start
        # Lags that reach before the start are 0 and left out.
        parts = [(c, lag(symbol, i)) for i, c in enumerate(rule.coefficients[:k], 1)]
        extra = rule.contributions[k] if k < len(rule.contributions) else 0
        known = {lag(symbol, i): values[k - i] for i in range(1, len(parts) + 1)}
        calculation = substituted(sum_text([*parts, (extra, "")]), known)
        text.append(_evaluated(symbol, place, calculation, values[k]).removesuffix("."))
    return text[0] + "; ".join(text[1:]) + "."


@explain.register
def _(rule: PolynomialRecurrence, n: int, symbol: str) -> str:
    values = rule.values(n)
    first = rule.start + len(rule.opening)
    opening = [
        _evaluated(symbol, rule.start + k, substituted(sum_text([(1, "a"), (b - a, "")]), {"a": a}), b)
        if k
        else f"{symbol}({rule.start}) = {b}."
        for k, (a, b) in enumerate(pairwise([0, *rule.opening]))
    ]
    opening = [line.removesuffix(".") for line in opening]
    if n < first:
        return "From the beginning: " + "; ".join(opening[: n - rule.start + 1]) + "."
    left, right = recurrence_sides(rule, symbol)
    lines = []
    for place in _steps(first, n):
        k = place - rule.start
        known = {lag(symbol, i): values[k - i] for i in range(1, len(rule.factors) + 1)} | {"n": place}
        calculation = substituted(right, known)
        if rule.leading == (1,):
            lines.append(_evaluated(symbol, place, calculation, values[k]).removesuffix("."))
            continue
        total = values[k] * sum(c * place**e for e, c in enumerate(rule.leading))
        side = substituted(left.replace(f"{symbol}(n)", "@"), known).replace("@", f"{symbol}({place})")
        lines.append(f"{side} = {calculation} = {total}, so {symbol}({place}) = {values[k]}")
    return "From the beginning: " + "; ".join(opening) + ". Then " + "; ".join(lines) + "."


def _series_text(coefficients: list[int]) -> str:
    return sum_text([(c, power_text("x", k)) for k, c in enumerate(coefficients)])


@explain.register
def _(rule: ProductSeries, n: int, symbol: str) -> str:
    power = n - rule.lead
    if power < 0:
        return f"The power x^({power}) is negative, so its coefficient is 0 and {symbol}({n}) = 0."
    coefficients = [v // rule.factor for v in rule.values(n)[rule.lead - rule.start :]]
    used = ", ".join(f"c({k}) = {rule.exponents.value(k)}" for k in range(1, power + 1))
    product = substituted(sum_text([(rule.factor, "p")]), {"p": coefficients[power]})
    return (
        (f"Only the factors with {used} matter here. " if power else "")
        + f"Up to x^{power} the product is {_series_text(coefficients)}, with {coefficients[power]} at x^{power}; "
        "so " + _evaluated(symbol, n, product, rule.value(n))
    )


@explain.register
def _(rule: AlgebraicSeries, n: int, symbol: str) -> str:
    values = rule.values(n)
    k = n - rule.start
    if k == 0:
        return f"The value at x = 0 is the first coefficient: {symbol}({n}) = {values[0]}."
    compared = "1 and x" if k == 1 else f"1, x and x^{k}" if k == 2 else f"1, x, ..., x^{k}"
    return (
        f"Comparing the coefficients of {compared} in the equation one after another leaves only "
        f"A = {_series_text(values)} + ..., and the coefficient of {power_text('x', k)} is "
        f"{symbol}({n}) = {values[k]}."
    )


@explain.register
def _(rule: ArithmeticRule, n: int, symbol: str) -> str:
    atom, inner = inner_atom(rule), rule.inner(n)
    argument = n if rule.summed else sum(c * n**e for e, c in enumerate(rule.argument))
    calculation = substituted(arithmetic_right_side(rule), {atom: inner, "n": n})
    shown = f"At {argument} the sum F" if rule.summed else f"With m = {argument} the function f"
    return f"{shown} gives {inner}, so {_evaluated(symbol, n, calculation, rule.value(n))}"
