"""Intervals of shares and of differences between them, all at 95 % unless told otherwise.

Shares: Wilson (1927). Differences of two independent shares: Newcombe (1998), method 10. Of two shares over the same
sequences: Agresti and Min (2005), half a sequence added to each cell. Ratios of sums: bootstrap over sequences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

RESAMPLES = 1000
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval, in its own unit."""

    value: float
    low: float
    high: float

    @property
    def differs_from_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def z_of(tests: int) -> float:
    """The quantile to use when so many intervals are looked at side by side (Bonferroni)."""
    return NormalDist().inv_cdf(1 - 0.025 / max(1, tests))


def share(count: int, of: int, z: float = Z) -> Estimate:
    """`count` of `of`; everything is possible where there is nothing to count."""
    if not of:
        return Estimate(0.0, 0.0, 1.0)
    p = count / of
    centre = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    # At the ends rounding may leave the share itself just outside.
    return Estimate(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)))


def difference(count: int, of: int, other: int, of_other: int, z: float = Z) -> Estimate:
    """count/of − other/of_other, of independent sequences."""
    a, b = share(count, of, z), share(other, of_other, z)
    if not of or not of_other:
        return Estimate(0.0, -1.0, 1.0)
    d = a.value - b.value
    low = d - math.hypot(a.value - a.low, b.high - b.value)
    high = d + math.hypot(a.high - a.value, b.value - b.low)
    return Estimate(d, max(-1.0, low), min(1.0, high))


def paired_difference(only_first: int, only_second: int, of: int, z: float = Z) -> Estimate:
    """The first share less the second over the same `of` sequences; `only_…`: what holds in one of them alone."""
    if not of:
        return Estimate(0.0, -1.0, 1.0)
    b, c, n = only_first + 0.5, only_second + 0.5, of + 2
    half = z * math.sqrt(max(0.0, b + c - (b - c) ** 2 / n)) / n
    centre, d = (b - c) / n, (only_first - only_second) / of
    return Estimate(d, max(-1.0, min(d, centre - half)), min(1.0, max(d, centre + half)))


def ratio(above: npt.ArrayLike, below: npt.ArrayLike, seed: int = 0) -> Estimate | None:
    """Sum of `above` ÷ sum of `below`, both given for each sequence; None where `below` adds up to nothing.

    The interval's end is infinite where a resample may hold nothing to divide by.
    """
    over, under = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    if not under.sum():
        return None
    draws = _resampled(over, under, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(draws[:, 1] > 0, draws[:, 0] / draws[:, 1], math.inf)
    # Not interpolated: between a number and infinity there is nothing.
    low, high = np.quantile(ratios, (0.025, 0.975), method="nearest")
    return Estimate(float(over.sum() / under.sum()), float(low), float(high))


def _resampled(
    over: npt.NDArray[np.float64], under: npt.NDArray[np.float64], seed: int
) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    sums = np.empty((RESAMPLES, 2))
    for i in range(RESAMPLES):
        drawn = generator.integers(len(over), size=len(over))
        sums[i] = over[drawn].sum(), under[drawn].sum()
    return sums
