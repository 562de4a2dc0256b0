"""Windows that look periodic and are not: ⌊nα + β⌋ with an irrational α close to a fraction of small denominator.

Such a sequence (a Beatty sequence, or one built on it) agrees with a periodic pattern for dozens of terms. Its steps
take two values in a *balanced* order: in any two stretches of equal length the larger step occurs equally often, or
once more in one of them. Among sequences of the OEIS with balanced steps and no period up to 3 those that go on
irregularly outnumber those that are periodic by far, so no periodic rule is believed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from codeseq_ray.agents.builtin.rules.window import Window

LONGEST_TRUSTED_PERIOD = 3
EXCEPTIONS = 2
"""First terms that are left out: they may be exceptions, and a chance irregularity there must not hide the rest."""
FEWEST_STEPS = 2
"""The rarer step must occur so often: once, it is an exception and not a pattern."""
LONGEST_WINDOW = 100

T = TypeVar("T", int, Fraction)


def looks_like_beatty(window: Window) -> bool:
    """Are the differences or the quotients of neighbours two values in balanced, aperiodic order?"""
    terms = window.terms[EXCEPTIONS:LONGEST_WINDOW]
    return _balanced([b - a for a, b in pairwise(terms)]) or _balanced(_quotients(terms))


def _quotients(terms: Sequence[int]) -> list[Fraction]:
    """Quotients of neighbours; empty as soon as they take a third value, for long fractions cost time."""
    if not all(terms):
        return []
    out: list[Fraction] = []
    values: set[Fraction] = set()
    for a, b in pairwise(terms):
        out.append(Fraction(b, a))
        values.add(out[-1])
        if len(values) > 2:
            return []
    return out


def _balanced(steps: Sequence[T]) -> bool:
    values = sorted(set(steps))
    if len(values) != 2:
        return False
    word = [int(step == values[1]) for step in steps]
    if min(word.count(0), word.count(1)) < FEWEST_STEPS:
        return False
    if any(word[p:] == word[:-p] for p in range(1, LONGEST_TRUSTED_PERIOD + 1)):
        return False
    sums = [0]
    for letter in word:
        sums.append(sums[-1] + letter)
    for length in range(2, len(word)):
        counts = [b - a for a, b in zip(sums, sums[length:], strict=False)]
        if max(counts) - min(counts) > 1:
            return False
    return True
