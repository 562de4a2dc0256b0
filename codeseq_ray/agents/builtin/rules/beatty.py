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
EXCEPTIONS = 3
FEWEST_STEPS = 3
"""The rarer step must occur so often: once or twice, it is an exception and not a pattern."""
LONGEST_WINDOW = 100

T = TypeVar("T", int, Fraction)


def looks_like_beatty(window: Window) -> bool:
    """Are differences, second differences or quotients of neighbours two values in balanced, aperiodic order?"""
    terms = window.terms[:LONGEST_WINDOW]
    first = _differences(terms)
    if _balanced(first) or _balanced(_differences(first)):
        return True
    if not _few(terms) and all(terms):
        # Quotients only while they take two values: exact fractions of long numbers cost time.
        seen: set[Fraction] = set()
        quotients = []
        for a, b in pairwise(terms):
            quotients.append(Fraction(b, a))
            seen.add(quotients[-1])
            if len(seen) > 2:
                return False
        return _balanced(quotients)
    return False


def _few(terms: Sequence[int]) -> bool:
    return len(set(terms)) < 3


def _differences(values: Sequence[int]) -> list[int]:
    return [b - a for a, b in pairwise(values)]


def _balanced(steps: Sequence[T]) -> bool:
    values = sorted(set(steps))
    if len(values) != 2:
        return False
    word = [int(step == values[1]) for step in steps]
    if min(word.count(0), word.count(1)) < FEWEST_STEPS:
        return False
    # The first letters may be exceptions.
    later = word[EXCEPTIONS:]
    if any(later[p:] == later[:-p] for p in range(1, LONGEST_TRUSTED_PERIOD + 1)):
        return False
    sums = [0]
    for letter in word:
        sums.append(sums[-1] + letter)
    for length in range(2, len(word)):
        counts = [b - a for a, b in zip(sums, sums[length:], strict=False)]
        if max(counts) - min(counts) > 1:
            return False
    return True
