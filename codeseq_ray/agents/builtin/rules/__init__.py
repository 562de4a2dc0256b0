"""The kinds of rules that the built-in agent can find, one class each, and the families that find them.

A rule is a frozen value that says exactly which sequence it means from its `start` on. Families are tried tier
after tier, the plainest first; inside a tier the rule with the fewest parameters wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from codeseq_ray.agents.builtin.rules.arithmetic import ArithmeticRule, fit_arithmetic
from codeseq_ray.agents.builtin.rules.quasipolynomial import (
    QuasiPolynomial,
    fit_polynomial,
    fit_quasipolynomial,
)
from codeseq_ray.agents.builtin.rules.recurrence import (
    LinearRecurrence,
    PolynomialRecurrence,
    fit_linear,
    fit_polynomial_recurrence,
)
from codeseq_ray.agents.builtin.rules.series import (
    AlgebraicSeries,
    ProductSeries,
    fit_algebraic,
    fit_product,
)
from codeseq_ray.agents.builtin.rules.window import Window

Rule: TypeAlias = (
    QuasiPolynomial
    | LinearRecurrence
    | PolynomialRecurrence
    | ProductSeries
    | AlgebraicSeries
    | ArithmeticRule
)
"""Every rule has `start`, `parameters` (how many numbers state it), `value(n)` and `values(last)`."""

Family: TypeAlias = Callable[[Window], Rule | None]
"""Finds a rule that reproduces the whole window with equations to spare, or None."""

TIERS: tuple[tuple[Family, ...], ...] = (
    (fit_polynomial,),
    (fit_quasipolynomial, fit_linear),
    (fit_arithmetic,),
    (fit_polynomial_recurrence,),
    (fit_product,),
    (fit_algebraic,),
)

__all__ = [
    "TIERS",
    "AlgebraicSeries",
    "ArithmeticRule",
    "Family",
    "LinearRecurrence",
    "PolynomialRecurrence",
    "ProductSeries",
    "QuasiPolynomial",
    "Rule",
    "Window",
]
