"""A rule as a readable Python 3 program: n from stdin, the value to stdout, exact integers all the way."""

from __future__ import annotations

import re
from functools import singledispatch

from codeseq_ray.agents.builtin.notation import polynomial_text
from codeseq_ray.agents.builtin.rules import (
    AlgebraicSeries,
    ArithmeticRule,
    LinearRecurrence,
    PolynomialRecurrence,
    ProductSeries,
    QuasiPolynomial,
    Rule,
)
from codeseq_ray.agents.builtin.rules.functions import BY_SENTENCE
from codeseq_ray.agents.builtin.statement import (
    arithmetic_right_side,
    inner_atom,
    linear_right_side,
    opening_steps,
    recurrence_sides,
    remainder_steps,
)
from codeseq_ray.records import Program


def program_for(rule: Rule) -> Program:
    """The program and the thoughts that lead to it."""
    source, process = _write(rule)
    return Program(source=source.strip() + "\n", process=process)


@singledispatch
def _write(rule: Rule) -> tuple[str, str]:
    raise TypeError(f"no program for {type(rule).__name__}")


def _python(formula: str) -> str:
    """The formulas of `notation`, which divide exactly, in Python."""
    return formula.replace("^", "**").replace("/", " // ")


@_write.register
def _(rule: QuasiPolynomial) -> tuple[str, str]:
    if rule.period == 1:
        formula = _python(polynomial_text(rule.pieces[0]))
        source = f"n = int(input())\n# The rule is a formula in n.\nprint({formula})\n"
        return source, (
            "The problem gives the value as a formula in n alone. So I put n in and print the result; "
            "whole-number arithmetic keeps it exact, and where the formula divides nothing is left over."
        )
    if rule.bounded:
        return (
            f"n = int(input())\nnumbers = {remainder_steps(rule)}\nremainder = n % {rule.period}\n"
            f"print(sum(numbers[: remainder + 1]))\n",
            f"Only the remainder of n after division by {rule.period} counts. Python's % gives it between 0 and "
            f"{rule.period - 1}, also for negative n; one number more than that is to be added up.",
        )
    lines = ["n = int(input())", f"remainder = n % {rule.period}"]
    for r, piece in enumerate(rule.pieces):
        head = "if" if r == 0 else "elif"
        head = f"{head} remainder == {r}:" if r < rule.period - 1 else "else:"
        lines += [head, f"    value = {_python(polynomial_text(piece))}"]
    lines.append("print(value)")
    return "\n".join(lines), (
        f"The formula to use depends on the remainder of n after division by {rule.period}. I take the remainder, "
        f"choose the formula of its case and evaluate it with exact whole numbers."
    )


def _offset(name: str, start: int) -> str:
    """Position in a list that begins with number `start`."""
    return f"{name} - {start}" if start > 0 else f"{name} + {-start}" if start else name


def _from_list(formula: str) -> str:
    """A formula in n and earlier values t(n-i), with the values at the end of a list."""
    return re.sub(r"\bn\b", "m", re.sub(r"\w\(n-(\d+)\)", r"values[-\1]", _python(formula)))


@_write.register
def _(rule: LinearRecurrence) -> tuple[str, str]:
    order, gifts = len(rule.coefficients), list(rule.contributions)
    place = _offset("m", rule.start)
    right = _from_list(linear_right_side(rule, "t").replace("g(n)", "extra"))
    source = f"""
n = int(input())
extras = {gifts}
values = [0] * {order}  # everything before number {rule.start} is 0
for m in range({f"{rule.start}, " if rule.start else ""}n + 1):
    extra = extras[{place}] if {place} < {len(gifts)} else 0
    values.append({right})
print(values[-1])
"""
    back = "the one before" if order == 1 else f"the {order} before"
    return source, (
        f"Each value is a fixed combination of {back} it plus the one-off extra, and everything before "
        f"n = {rule.start} is 0. So I begin a list with zeros for what lies before, and go up from n = "
        f"{rule.start}, appending one value at a time. One pass up to n is enough."
    )


@_write.register
def _(rule: PolynomialRecurrence) -> tuple[str, str]:
    _, right = recurrence_sides(rule, "t")
    first, *steps = opening_steps(rule)
    opening = f"for step in {steps}:\n    values.append(values[-1] + step)\n" if steps else ""
    value, note, thought = _from_list(right), "", ""
    if rule.leading != (1,):
        value = f"({value}) // ({_from_list(polynomial_text(rule.leading))})"
        note, thought = (
            "  # the division is exact",
            "divide by the factor on the left, which leaves no remainder, ",
        )
    source = f"""
n = int(input())
values = [{first}]  # from number {rule.start} on
{opening}for m in range({rule.start + len(rule.opening)}, n + 1):
    values.append({value}){note}
print(values[{_offset("n", rule.start)}])
"""
    back = "the one before" if len(rule.factors) == 1 else f"the {len(rule.factors)} before"
    return source, (
        f"The rule ties the value with number n to {back} it, with factors that depend on n. I first build what "
        f"the problem gives as the beginning, then go up to n: compute the right side, {thought}and append it."
    )


def _exponent_lines(rule: QuasiPolynomial) -> str:
    if rule.period == 1:
        return f"    return {_python(polynomial_text(rule.pieces[0], 'k'))}\n"
    if rule.bounded:
        values = ", ".join(str(int(piece[0])) if piece else "0" for piece in rule.pieces)
        return f"    return [{values}][k % {rule.period}]\n"
    lines = "".join(
        f"    if k % {rule.period} == {r}:\n        return {_python(polynomial_text(piece, 'k'))}\n"
        for r, piece in enumerate(rule.pieces[:-1])
    )
    return lines + f"    return {_python(polynomial_text(rule.pieces[-1], 'k'))}\n"


@_write.register
def _(rule: ProductSeries) -> tuple[str, str]:
    times = "" if rule.factor == 1 else f"{rule.factor} * "
    source = f"""
def c(k):
{_exponent_lines(rule.exponents)}

n = int(input())
power = {_offset("n", rule.lead)}
# With P the product, x*P' = P * sum of b[k]*x^k, where b[k] is the sum of d*c(d) over the divisors d of k.
b = [0] * (max(power, 0) + 1)
for d in range(1, power + 1):
    weight = d * c(d)
    for k in range(d, power + 1, d):
        b[k] += weight
product = [1]
for i in range(1, power + 1):
    product.append(sum(b[k] * product[i - k] for k in range(1, i + 1)) // i)
print({times}product[power] if power >= 0 else 0)
"""
    return source, (
        "Multiplying the factors out one by one would repeat much work. The logarithmic derivative of the product "
        "P gives x*P'/P = the sum of b(k)*x^k, where b(k) adds d*c(d) over all divisors d of k. Comparing "
        "coefficients yields i*p(i) = b(1)*p(i-1) + ... + b(i)*p(0) with p(0) = 1, so each coefficient follows "
        "from those before it."
    )


@_write.register
def _(rule: AlgebraicSeries) -> tuple[str, str]:
    degree = max(i for i, _, _ in rule.equation)
    terms = "\n".join(f"    ({c}, {j}, {i})," for i, j, c in rule.equation)
    source = f"""
n = int(input())
last = {_offset("n", rule.start)}
first = {rule.first}
# (c, j, i) stands for c * x^j * A^i.
equation = [
{terms}
]
degree = {degree}

# powers[i][k] is the coefficient of x^k in A^i. A new coefficient of A enters the equation's coefficient of x^k
# only through the terms without x, and there with the factor `slope`.
powers = [[1] + [0] * last] + [[first**i] for i in range(1, degree + 1)]
slope = sum(c * i * first ** (i - 1) for c, j, i in equation if j == 0 and i > 0)
for k in range(1, last + 1):
    a = powers[1]
    a.append(0)
    for i in range(2, degree + 1):
        below = powers[i - 1]
        powers[i].append(first * below[k] + sum(a[m] * below[k - m] for m in range(1, k)))
    rest = sum(c * powers[i][k - j] for c, j, i in equation if j <= k)
    new = -rest // slope
    for i in range(1, degree + 1):
        powers[i][k] += i * first ** (i - 1) * new
print(powers[1][last])
"""
    return source, (
        "The equation determines the coefficients of A one after another. Suppose all coefficients below x^k are "
        "known. I compute the coefficient of x^k of every power of A as if the new one were 0; what the equation "
        "then has left over must be cancelled by the new coefficient, which enters with a fixed factor. "
        "So I divide by that factor, correct the powers of A, and go on to k + 1."
    )


@_write.register
def _(rule: ArithmeticRule) -> tuple[str, str]:
    atom = inner_atom(rule)
    formula = _python(arithmetic_right_side(rule).replace(atom, "value"))
    call = (
        "sum(f(k) for k in range(1, n + 1))"
        if rule.summed
        else f"f({_python(polynomial_text(rule.argument))})"
    )
    source = f"{BY_SENTENCE[rule.function].source}\n\nn = int(input())\nvalue = {call}\nprint({formula})\n"
    return source, (
        f"The value depends on n through f, where f(m) is {rule.function}. I write f as a function of its own"
        + (
            ", add its values from 1 to n"
            if rule.summed
            else f", call it with m = {polynomial_text(rule.argument)}"
        )
        + " and put the result into the formula."
    )
