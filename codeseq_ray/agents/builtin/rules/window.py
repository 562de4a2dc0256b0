"""What a family fits: consecutive terms, and how many equations beyond its parameters they must give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_PARAMETERS = 16
"""Numbers that a problem may have to state. Beyond it a rule is a description of its data, not a problem."""

LARGEST_PARAMETER = 10**12
"""Bound on each of them."""


@dataclass(frozen=True)
class Window:
    """Consecutive terms: `terms[i]` is the value at `start + i`."""

    start: int
    terms: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.terms)

    def items(self) -> list[tuple[int, int]]:
        """(index, term) in order."""
        return list(enumerate(self.terms, self.start))

    def after(self, dropped: int) -> Window:
        """Without the first terms."""
        return Window(self.start + dropped, self.terms[dropped:])


def statable(numbers: list[int]) -> bool:
    """Are these parameters few and small enough to stand in a problem?"""
    return sum(1 for x in numbers if x) <= MOST_PARAMETERS and all(
        abs(x) <= LARGEST_PARAMETER for x in numbers
    )


def trimmed(coefficients: Sequence[int]) -> tuple[int, ...]:
    """Ascending coefficients without zeros at the top."""
    out = list(coefficients)
    while out and out[-1] == 0:
        out.pop()
    return tuple(out)
