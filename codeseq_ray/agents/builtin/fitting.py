"""From a window of terms to a rule: pure CPU work, made to run as a task."""

from __future__ import annotations

from dataclasses import dataclass

from codeseq_ray.agents.builtin.rules import (
    TIERS,
    LinearRecurrence,
    PolynomialRecurrence,
    QuasiPolynomial,
    Rule,
    Window,
)
from codeseq_ray.agents.builtin.rules.beatty import looks_like_beatty

LONGEST_WINDOW = 400
LARGEST_TERM_BITS = 8_000
"""Windows beyond these bounds are not fitted: no sequence may take more than a fraction of a second."""


@dataclass(frozen=True)
class FitRequest:
    """Terms to fit. A case that refuted an earlier rule comes back as the last term of a longer window."""

    window: tuple[int, ...]
    window_index: int
    """Index of `window[0]`."""
    first_example: int
    """Index of the first example: the rule must hold from here on; terms before it may be exceptions."""


def fit(request: FitRequest) -> Rule | None:
    """The plainest rule that reproduces every term from the first example on; None if no family has one.

    Each tier sees the whole window and, where terms come before the first example, the window without them.
    """
    terms = request.window[:LONGEST_WINDOW]
    if any(t.bit_length() > LARGEST_TERM_BITS for t in terms):
        return None
    whole = Window(request.window_index, terms)
    dropped = min(max(0, request.first_example - request.window_index), len(terms))
    windows = [whole, whole.after(dropped)] if dropped else [whole]
    believed = _not_periodic if looks_like_beatty(windows[-1]) else _anything
    for tier in TIERS:
        found = [
            rule
            for window in windows
            for family in tier
            if (rule := family(window)) is not None and believed(rule)
        ]
        if found:
            return min(found, key=lambda rule: rule.parameters)
    return None


def _anything(rule: Rule) -> bool:
    return True


def _not_periodic(rule: Rule) -> bool:
    """Not a pattern that goes on periodically; values that repeat are another matter: ⌊nα⌋ grows."""
    match rule:
        case QuasiPolynomial():
            return rule.bounded
        case LinearRecurrence() | PolynomialRecurrence():
            return False
        case _:
            return True
