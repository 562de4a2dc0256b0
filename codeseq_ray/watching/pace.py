"""How fast a run goes, and how long it will: pure reckoning over its totals as they were second by second."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, variance

RATE_SECONDS = 60.0
"""The window of rates that are shown."""
BLOCKS = 8
"""Into so many equal spans the last part of the run is cut to see how its throughput varies."""
T_95 = 2.365
"""Student's t for a 95 % interval from 8 blocks."""
SHORTEST = 40.0
"""Seconds; a run younger than this is looked at as a whole, an older one from its half on."""
FIRST = 8.0
"""Seconds before which nothing is said of what is to come."""
_MOST, _RECENT = 720, 180
"""Marks that are kept, and how many of the latest are never thinned out."""


@dataclass(frozen=True)
class Eta:
    """Seconds that are left: the likely figure, and the bounds of a 95 % interval (`high` may be infinite)."""

    seconds: float
    low: float
    high: float


class History:
    """A run's totals by the seconds since it began. Keeps some hundred marks, however long it runs."""

    def __init__(self) -> None:
        self._at = [0.0]
        self._totals: list[Mapping[str, float]] = [{}]

    def add(self, seconds: float, totals: Mapping[str, float]) -> None:
        """Note totals; a time that is not later than the last one's is passed over."""
        if seconds <= self._at[-1]:
            return
        self._at.append(seconds)
        self._totals.append(totals)
        if len(self._at) > _MOST:
            # Of the older ones every second goes: what is long past needs no seconds.
            old = slice(1, len(self._at) - _RECENT, 2)
            del self._at[old]
            del self._totals[old]

    @property
    def seconds(self) -> float:
        """Of the last mark."""
        return self._at[-1]

    def total(self, name: str, seconds: float) -> float:
        """A total as it was at a time, in between two marks by the straight line."""
        after = bisect_right(self._at, seconds)
        if after == len(self._at):
            return self._totals[-1].get(name, 0.0)
        if after == 0:
            return 0.0
        begin, end = self._at[after - 1], self._at[after]
        low, high = (self._totals[i].get(name, 0.0) for i in (after - 1, after))
        return low + (high - low) * (seconds - begin) / (end - begin)

    def rate(self, name: str, window: float = RATE_SECONDS) -> float:
        """By the second, over the last `window` seconds, or since the beginning where that is shorter."""
        now = self.seconds
        span = min(window, now)
        return (self.total(name, now) - self.total(name, now - span)) / span if span > 0 else 0.0


def eta(history: History, name: str, total: int) -> Eta | None:
    """When `name` will reach `total`; None while nothing can be said of it.

    The later half of the run (all of it while it is young) is cut into 8 blocks. Their mean m says how fast it goes,
    and so T = blocks to go × b. Their variance s² (never taken for less than m, as events by chance have at least)
    says how sure that is: the mean is known to within s/√8, and what is to come varies like what was, block by
    block. On the logarithm, so that no bound is below zero and an early guess has a wide upper end:

        ln T ± 2.365 · (s / m) · √(1/8 + b/T)
    """
    now = history.seconds
    left = total - history.total(name, now)
    if left <= 0:
        return Eta(0.0, 0.0, 0.0)
    if now < FIRST:
        return None
    span = max(now / 2, min(now, SHORTEST))
    if history.total(name, now) <= history.total(name, now - span):
        span = now  # nothing of late: what there was before is all that is known
    counts, block = _blocks(history, name, span), span / BLOCKS
    if (mean := fmean(counts)) <= 0:
        return None
    seconds = left / mean * block
    spread = math.sqrt(max(variance(counts), mean)) / mean
    times = T_95 * spread * math.sqrt(1 / BLOCKS + block / seconds)
    return Eta(seconds, seconds * math.exp(-times), seconds * math.exp(times) if times < 20 else math.inf)


def _blocks(history: History, name: str, span: float) -> list[float]:
    """What each block of the last `span` seconds brought."""
    now = history.seconds
    totals = [history.total(name, now - span + span * k / BLOCKS) for k in range(BLOCKS + 1)]
    return [max(0.0, end - begin) for begin, end in pairwise(totals)]
