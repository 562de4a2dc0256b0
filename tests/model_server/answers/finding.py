"""Looking for a rule in ten values: what a model does in its head. Knows nothing of OEIS names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import factorial, lcm

from tests.model_server.answers.functions import FUNCTIONS
from tests.model_server.answers.statement import NotComputableError, Statement

SPARE = 2
"""So many values must be left over to confirm a rule that the others determine."""
LARGEST = 10_000
"""No coefficient of a rule that someone would tell is larger."""


@functools.lru_cache(maxsize=4096)
def find(first: int, values: tuple[int, ...]) -> Statement | None:
    """The simplest rule with `values[i]` at n = first + i, or None."""
    for search in (_polynomial, _power, _function, _affine, _recurrence, _summed, _growing):
        for statement in search(first, values):
            if _holds(statement, first, values):
                return statement
    return None


def _holds(statement: Statement, first: int, values: tuple[int, ...]) -> bool:
    try:
        return all(statement.value(first + i) == value for i, value in enumerate(values))
    except NotComputableError:
        return False


def _polynomial(first: int, values: tuple[int, ...]) -> Iterator[Statement]:
    rows = [list(values)]
    while len(rows[-1]) > SPARE + 1 and any(rows[-1]):
        rows.append([b - a for a, b in pairwise(rows[-1])])
    if any(rows[-1]):
        return
    # Newton's form in m = n - first, multiplied out in powers of n.
    coefficients = [Fraction(0)]
    for k, row in enumerate(rows[:-1]):
        term = [Fraction(row[0], factorial(k))]
        for j in range(k):
            term = [
                a - b * (first + j) for a, b in zip([Fraction(0), *term], [*term, Fraction(0)], strict=True)
            ]
        coefficients = [
            (coefficients[i] if i < len(coefficients) else Fraction(0))
            + (term[i] if i < len(term) else Fraction(0))
            for i in range(max(len(coefficients), len(term)))
        ]
    below = lcm(*(c.denominator for c in coefficients))
    whole = [int(c * below) for c in coefficients]
    if max(map(abs, whole)) > LARGEST * below:
        return
    text = _sum((c, {0: "", 1: "n"}.get(k, f"n^{k}")) for k, c in reversed(list(enumerate(whole))))
    yield Statement(text if below == 1 else f"({text}) / {below}")


def _power(first: int, values: tuple[int, ...]) -> Iterator[Statement]:
    yield Statement("n^n")
    for base in (2, 3, 4, 5, 10):
        for sign in (1, -1):
            rest = values[-1] - sign * base ** max(0, first + len(values) - 1)
            if abs(rest) <= LARGEST:
                yield Statement(_sum([(sign, f"{base}^n"), (rest, "")]))


def _function(first: int, values: tuple[int, ...]) -> Iterator[Statement]:
    for name, known in FUNCTIONS.items():
        for ahead in (0, 1, -1, 2):
            argument = f"{name}({_sum([(1, 'n'), (ahead, '')])})"
            if first + ahead < 1:
                continue
            there = [known.compute(first + ahead + i) for i in range(2)]
            for times in (1, 2, -1):
                rest = values[0] - times * there[0]
                if values[1] - times * there[1] == rest:
                    yield Statement(_sum([(times, argument), (rest, "")]))
            if there[0] and values[0] == there[0] * (first + ahead):
                yield Statement(f"({_sum([(1, 'n'), (ahead, '')])}) * {argument}")


def _summed(first: int, values: tuple[int, ...]) -> Iterator[Statement]:
    steps = tuple(b - a for a, b in pairwise(values))
    if len(steps) > SPARE and (step := next(_function_that_holds(first + 1, steps), None)):
        yield Statement(f"T(n - 1) + {step.formula}", ((first - 1, values[0] - step.value(first)),))
        yield Statement(f"T(n - 1) + {step.formula}", ((first, values[0]),))


def _function_that_holds(first: int, values: tuple[int, ...]) -> Iterator[Statement]:
    for statement in _function(first, values):
        try:
            statement.value(first - 1)
        except NotComputableError:
            continue
        if _holds(statement, first, values):
            yield statement


def _affine(first: int, values: tuple[int, ...]) -> Iterator[Statement]:
    yield from _linear(first, values, [lambda n, a: a(n - 1), lambda n, a: 1], ["T(n - 1)", ""], 1)


def _recurrence(first: int, values: tuple[int, ...]) -> Iterator[Statement]:
    for order in range(1, 5):
        earlier = [_before(k) for k in range(1, order + 1)]
        names = [f"T(n - {k})" for k in range(1, order + 1)]
        yield from _linear(first, values, earlier, names, order)
        yield from _linear(first, values, [*earlier, lambda n, a: 1], [*names, ""], order)


def _growing(first: int, values: tuple[int, ...]) -> Iterator[Statement]:
    yield from _linear(
        first, values, [lambda n, a: n * a(n - 1), lambda n, a: a(n - 1)], ["n * T(n - 1)", "T(n - 1)"], 1
    )
    yield from _linear(
        first,
        values,
        [lambda n, a: n * a(n - 1), lambda n, a: a(n - 1), lambda n, a: n, lambda n, a: 1],
        ["n * T(n - 1)", "T(n - 1)", "n", ""],
        1,
    )


Term = Callable[[int, Callable[[int], int]], int]


def _before(k: int) -> Term:
    return lambda n, a: a(n - k)


def _linear(
    first: int, values: tuple[int, ...], terms: list[Term], names: list[str], order: int
) -> Iterator[Statement]:
    """Whole coefficients c with a(n) = Σ c · term(n), determined by all values and confirmed by `SPARE` of them."""
    at = range(first + order, first + len(values))
    if len(at) < len(terms) + SPARE:
        return

    def a(n: int) -> int:
        return values[n - first]

    solution = _solve([[Fraction(term(n, a)) for term in terms] + [Fraction(a(n))] for n in at])
    if solution is None or any(c.denominator != 1 or abs(c) > LARGEST for c in solution):
        return
    coefficients = [int(c) for c in solution]
    formula = _sum(zip(coefficients, names, strict=True))
    starts = tuple((first + i, values[i]) for i in range(order))
    if order > 0 and any("n * T" in name for name in names):
        yield Statement(formula, starts)
        return
    yield _earlier(formula, coefficients, names, starts)
    yield Statement(formula, starts)


def _earlier(
    formula: str, coefficients: list[int], names: list[str], starts: tuple[tuple[int, int], ...]
) -> Statement:
    """The same rule begun before the first value, where it can be followed back: examples are not to be told."""
    known = dict(starts)
    constant = coefficients[-1] if names[-1] == "" else 0
    factors = coefficients[: len(coefficients) - (names[-1] == "")]
    for _ in starts:
        n = min(known) + len(factors) - 1
        rest = known[n] - constant - sum(c * known[n - k] for k, c in enumerate(factors[:-1], 1))
        if factors[-1] == 0 or rest % factors[-1]:
            return Statement(formula, starts)
        known[n - len(factors)] = rest // factors[-1]
    return Statement(formula, tuple(sorted(known.items())[: len(factors)]))


def _solve(rows: list[list[Fraction]]) -> list[Fraction] | None:
    """The one solution of an overdetermined system, or None. Each row: coefficients, then the right side."""
    width = len(rows[0]) - 1
    for column in range(width):
        pivot = next((i for i in range(column, len(rows)) if rows[i][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [x / rows[column][column] for x in rows[column]]
        for i in range(len(rows)):
            if i != column and rows[i][column]:
                rows[i] = [x - rows[i][column] * y for x, y in zip(rows[i], rows[column], strict=True)]
    return [rows[i][-1] for i in range(width)] if not any(row[-1] for row in rows[width:]) else None


def _sum(terms: Iterable[tuple[int, str]]) -> str:
    """`3*n^2 - n + 5` of (coefficient, name) pairs; the name of a constant is empty."""
    text = ""
    for coefficient, name in terms:
        if coefficient == 0:
            continue
        size = abs(coefficient)
        word = str(size) if not name else name if size == 1 else f"{size} * {name}"
        sign = (" - " if text else "-") if coefficient < 0 else (" + " if text else "")
        text += sign + word
    return text or "0"
