"""Shares of passes: the band, stopping early, intervals, halves."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.rollouts.solvability import (
    HISTOGRAM,
    Band,
    Fate,
    Tally,
    histogram,
    interval,
    split_half,
    stopped_estimate,
    until_decided,
)

BANDS = st.tuples(st.floats(0, 0.9), st.floats(0.01, 1)).filter(lambda b: b[0] < b[1]).map(lambda b: Band(*b))


@pytest.mark.parametrize(
    ("passes", "fate"), [(0, Fate.NEVER_SOLVED), (1, Fate.KEPT), (14, Fate.KEPT), (15, Fate.TOO_EASY)]
)
def test_the_papers_band_keeps_one_to_fourteen_of_32(passes: int, fate: Fate) -> None:
    assert Band().fate(passes, 32) is fate


@given(BANDS, st.integers(1, 40), st.data())
def test_decided_means_that_no_outcome_of_the_rest_changes_the_fate(
    band: Band, rollouts: int, data: st.DataObject
) -> None:
    judged = data.draw(st.integers(0, rollouts))
    passes = data.draw(st.integers(0, judged))
    fates = {band.fate(passes + more, rollouts) for more in range(rollouts - judged + 1)}
    assert band.decided(passes, judged, rollouts) is (len(fates) == 1)


@given(BANDS, st.lists(st.booleans(), min_size=1, max_size=40))
def test_stopping_early_never_changes_the_fate(band: Band, passed: list[bool]) -> None:
    at = until_decided(passed, len(passed), band)
    assert 0 < at <= len(passed)
    # What is missing counts as failed, and what was drawn decides.
    assert band.fate(sum(passed[:at]), len(passed)) is band.fate(sum(passed), len(passed))


def _mean(s: float, rollouts: int, band: Band, of: Callable[[Sequence[bool], Band], float]) -> float:
    """Over every course that sampling can take, weighed by its chance; only counts and the last one matter."""
    going_on, mean = {0: 1.0}, 0.0
    for judged in range(1, rollouts + 1):
        before, going_on = going_on, defaultdict(float)
        for passes, one in product(before, (False, True)):
            chance = before[passes] * (s if one else 1 - s)
            course = [*[True] * passes, *[False] * (judged - 1 - passes), one]
            if judged == rollouts:
                mean += chance * sum(course) / rollouts
            elif band.decided(passes + one, judged, rollouts):
                mean += chance * of(course, band)
            else:
                going_on[passes + one] += chance
    return mean


@pytest.mark.parametrize(("s", "off"), [(0.03, 0.01), (0.1, 0.006), (0.3, 2e-4), (0.46, 2e-4), (0.7, 2e-4)])
def test_the_early_estimate_is_unbiased_but_for_first_passes_that_decide(s: float, off: float) -> None:
    assert abs(_mean(s, 32, Band(), stopped_estimate) - s) < off
    plain = abs(_mean(s, 32, Band(), lambda course, band: sum(course) / len(course)) - s)
    assert s < 0.2 or plain > 10 * off


@given(st.integers(0, 200), st.integers(1, 200))
def test_an_interval_lies_around_its_share_within_bounds(passes: int, rollouts: int) -> None:
    passes = min(passes, rollouts)
    low, high = interval(passes, rollouts)
    assert 0 <= low <= passes / rollouts <= high <= 1
    assert (low == 0) == (passes == 0)
    assert (high == 1) == (passes == rollouts)
    surer = interval(2 * passes, 2 * rollouts)
    assert surer[1] - surer[0] < high - low


def test_an_interval_holds_the_true_share_about_95_times_in_100() -> None:
    generator = random.Random(1)
    for s in (0.03, 0.2, 0.5):
        held = 0
        for _ in range(2000):
            low, high = interval(sum(generator.random() < s for _ in range(32)), 32)
            held += low <= s <= high
        assert 0.92 < held / 2000 < 0.99


@given(st.lists(st.integers(0, 32), max_size=50))
def test_every_problem_is_in_one_bar(passes: list[int]) -> None:
    bars = histogram([p / 32 for p in passes])
    assert list(bars) == list(HISTOGRAM)
    assert sum(bars.values()) == len(passes)
    assert bars["0"] == passes.count(0)


def test_tenths_belong_to_the_bar_that_they_end() -> None:
    bars = histogram([i / 10 for i in range(11)])
    assert all(count == 1 for count in bars.values())


def test_halves_agree_where_problems_differ_and_not_where_all_is_chance() -> None:
    generator = random.Random(2)

    def tallies(shares: list[float]) -> list[Tally]:
        return [Tally(tuple(generator.random() < s for _ in range(32))) for s in shares]

    apart = split_half(tallies([generator.random() for _ in range(400)]), Band())
    alike = split_half(tallies([0.4] * 400), Band())
    assert apart is not None
    assert alike is not None
    assert apart.correlation is not None
    assert alike.correlation is not None
    assert apart.correlation > 0.85
    assert abs(alike.correlation) < 0.15
    assert apart.reliability is not None
    assert apart.correlation < apart.reliability < 1
    assert apart.same_fate > alike.same_fate


@pytest.mark.parametrize("problems", [3, 37, 100])
def test_shares_that_do_not_vary_have_no_correlation(problems: int) -> None:
    """A third is no float: the standard deviation of equal ones is not 0."""
    tallies = [Tally((True, k % 2 == 0, False, False, False, False)) for k in range(problems)]
    told = split_half(tallies, Band())
    assert told is not None
    assert told.correlation is None
    assert told.reliability is None


def test_halves_that_contradict_each_other_have_no_reliability() -> None:
    told = split_half([Tally((True, False)), Tally((False, True)), Tally((True, False))], Band())
    assert told is not None
    assert told.correlation == pytest.approx(-1)
    assert told.reliability is None


def test_there_are_no_halves_of_one_rollout() -> None:
    assert split_half([Tally((True,))], Band()) is None
    same = split_half([Tally((True, True)), Tally((True, True))], Band())
    assert same is not None
    assert same.correlation is None
    assert same.difference == 0
