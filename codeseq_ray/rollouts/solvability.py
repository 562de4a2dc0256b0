"""What rollouts say of a problem: its solvability, how sure that is, and whether the problem is kept (METHOD 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

Z = 1.96
"""Of a 95 % interval."""
_VARIES = 1e-9
"""Standard deviation above which shares differ; equal ones have one of 1e-17, as floats are added."""


class Fate(StrEnum):
    """Whether a problem is kept for RL, and if not why."""

    KEPT = "kept"
    NEVER_SOLVED = "never_solved"
    """s = 0: every rollout of a group has the same reward, and so no gradient."""
    TOO_HARD = "too_hard"
    """Solved, but not above the lower end of the band."""
    TOO_EASY = "too_easy"
    """Above the band."""
    TOO_FEW_ROLLOUTS = "too_few_rollouts"
    """Some rollouts are not judged yet: neither kept nor dropped."""


@dataclass(frozen=True, slots=True)
class Band:
    """`above < s ≤ most` is kept. The paper's cut-off is 0.46; that 0 is left out is ours."""

    above: float = 0.0
    most: float = 0.46

    def fate(self, passes: int, rollouts: int) -> Fate:
        """Of a problem all of whose rollouts are judged."""
        s = passes / rollouts
        if s <= self.above:
            return Fate.TOO_HARD if passes else Fate.NEVER_SOLVED
        return Fate.KEPT if s <= self.most else Fate.TOO_EASY

    def decided(self, passes: int, judged: int, rollouts: int) -> bool:
        """Whether what is missing to `rollouts` cannot change the fate any more."""
        missing = rollouts - judged
        return self.fate(passes, rollouts) is self.fate(passes + missing, rollouts)


@dataclass(frozen=True, slots=True)
class Tally:
    """A problem's judged rollouts in the order of their samples."""

    passed: tuple[bool, ...]

    @property
    def rollouts(self) -> int:
        return len(self.passed)

    @property
    def passes(self) -> int:
        return sum(self.passed)

    @property
    def solvability(self) -> float:
        return self.passes / self.rollouts


def until_decided(passed: Sequence[bool], rollouts: int, band: Band) -> int:
    """How many of these samples, in order, decide the fate of `rollouts`; all of them if they do not."""
    passes = 0
    for judged, one in enumerate(passed, 1):
        passes += one
        if band.decided(passes, judged, rollouts):
            return judged
    return len(passed)


def stopped_estimate(passed: Sequence[bool], band: Band) -> float:
    """s, estimated from samples that were drawn until the last one decided the fate.

    The plain share would be too far on the side of the last sample, which is known beforehand. Left out of both
    counts it gives the unbiased estimate of inverse sampling (Haldane 1945): (r − 1) / (n − 1) for a stop at pass
    number r of n samples, 1 − (r − 1) / (n − 1) for a stop at failure number r.

    Where that lies on another side of the band than the fate (a first pass that decides would give 0), it is the
    plain share after all, which never does: a kept problem has an s that is kept.
    """
    counts = sum(passed), len(passed)
    others = sum(passed[:-1]), len(passed) - 1
    passes, rollouts = others if others[1] and band.fate(*others) is band.fate(*counts) else counts
    return passes / rollouts


def interval(passes: int, rollouts: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share: holds near 0 and 1, where the usual one does not."""
    if rollouts == 0:
        return 0.0, 1.0
    s, n = passes / rollouts, rollouts
    middle = (s + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(s * (1 - s) / n + Z * Z / (4 * n * n))
    return (0.0 if passes == 0 else middle - half), (1.0 if passes == rollouts else middle + half)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well one half of each problem's rollouts tells the other: what a figure s is worth."""

    problems: int
    correlation: float | None
    """Pearson's, of s in the even and in the odd samples; None where s does not vary."""
    reliability: float | None
    """Of all rollouts, by the Spearman-Brown formula: 2r / (1 + r); None where r is not above 0."""
    difference: float
    """Mean |s(even) − s(odd)|."""
    same_fate: float
    """Share of problems that both halves would keep, or both drop, by the same band."""


def split_half(tallies: Sequence[Tally], band: Band) -> Agreement | None:
    """Agreement of the even with the odd samples; None without a problem of two rollouts."""
    halves = [(t.passed[::2], t.passed[1::2]) for t in tallies if t.rollouts >= 2]
    if not halves:
        return None
    even, odd = (np.array([sum(half[i]) / len(half[i]) for half in halves]) for i in (0, 1))
    correlation = None
    if min(even.std(), odd.std()) > _VARIES:
        correlation = float(np.corrcoef(even, odd)[0, 1])
    reliability = 2 * correlation / (1 + correlation) if correlation is not None and correlation > 0 else None
    same = [
        (band.fate(sum(a), len(a)) is Fate.KEPT) == (band.fate(sum(b), len(b)) is Fate.KEPT)
        for a, b in halves
    ]
    return Agreement(
        len(halves), correlation, reliability, float(np.abs(even - odd).mean()), sum(same) / len(same)
    )


HISTOGRAM = ("0", *(f"({i / 10:.1f}, {(i + 1) / 10:.1f}]" for i in range(10)))
"""Names of the bars: never solved, then tenths."""


def histogram(solvabilities: Sequence[float]) -> dict[str, int]:
    """How many problems lie in each bar of `HISTOGRAM`."""
    bars = dict.fromkeys(HISTOGRAM, 0)
    for s in solvabilities:
        # 3 / 10 * 10 is 3.0000000000000004 in floats: a share that is a tenth belongs below it.
        bars[HISTOGRAM[0 if s <= 0 else max(1, math.ceil(round(10 * s, 9)))]] += 1
    return bars
