"""Formulas survive being written and read; texts that are none are refused and nothing else happens."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeseq_ray.agents.builtin.notation import (
    NotationError,
    parse,
    polynomial,
    polynomial_text,
    split_off,
    substituted,
)


@settings(deadline=None)
@given(st.lists(st.fractions(max_denominator=99), min_size=1, max_size=6))
def test_polynomials_survive_writing_and_reading(coefficients: list[Fraction]) -> None:
    back = polynomial(parse(polynomial_text(coefficients)))
    width = max(len(back), len(coefficients))
    padded = [list(c) + [Fraction(0)] * (width - len(c)) for c in (back, tuple(coefficients))]
    assert padded[0] == padded[1]


@settings(deadline=None)
@given(st.lists(st.integers(-99, 99), min_size=1, max_size=5), st.integers(-20, 20))
def test_a_formula_with_numbers_put_in_has_the_value_of_the_polynomial(c: list[int], n: int) -> None:
    calculation = substituted(polynomial_text(c), {"n": n})
    assert parse(calculation).get((), Fraction(0)) == sum(k * n**e for e, k in enumerate(c))


@settings(deadline=None)
@given(st.text(alphabet="0123456789n xtA()+-*/^.,=", max_size=30))
def test_no_text_makes_the_reader_fail_in_another_way(text: str) -> None:
    try:
        parse(text)
    except NotationError:
        return


@pytest.mark.parametrize(
    "text", ["", "n +", "2 n", "(n", "n)", "n^n", "n^65", "n/0", "/2", "n..", "t(n-(1))"]
)
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(NotationError):
        parse(text)


def test_a_call_is_one_symbol() -> None:
    factor, rest = split_off(parse("(2*n - 1)*t(n-1) - n*t(n-2) + 7"), "t(n-1)")
    assert list(polynomial(factor)) == [Fraction(-1), Fraction(2)]
    assert rest == {(("n", 1), ("t(n-2)", 1)): -1, (): 7}
    with pytest.raises(NotationError):
        polynomial(rest)
