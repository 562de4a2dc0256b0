"""Shares of passes: the band, stopping early, intervals, halves."""

from __future__ import annotations

import math
import random
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


@pytest.mark.parametrize("s", [0.1, 0.3, 0.46, 0.7, 0.95])
def test_the_early_estimate_is_unbiased(s: float) -> None:
    """Exactly: over every course that sampling can take, weighed by its chance."""
    band, rollouts = Band(0.0, 0.46), 10
    expected = 0.0
    for course in product((False, True), repeat=rollouts):
        at = until_decided(course, rollouts, band)
        estimate = stopped_estimate(course[:at]) if at < rollouts else sum(course) / rollouts
        expected += estimate * math.prod(s if one else 1 - s for one in course)
    plain = 0.0
    for course in product((False, True), repeat=rollouts):
        at = until_decided(course, rollouts, band)
        plain += sum(course[:at]) / at * math.prod(s if one else 1 - s for one in course)
    # Courses that go on to the end are not stopped, and their share is a little off; far less than the plain one's.
    assert abs(expected - s) < 0.02
    assert abs(expected - s) <= abs(plain - s) + 1e-9


@given(st.integers(0, 200), st.integers(1, 200))
def test_an_interval_lies_around_its_share_within_bounds(passes: int, rollouts: int) -> None:
    passes = min(passes, rollouts)
    low, high = interval(passes, rollouts)
    assert 0 <= low <= passes / rollouts <= high <= 1
    assert (low == 0) == (passes == 0)
    assert (high == 1) == (passes == rollouts)
    wider = interval(passes, 2 * rollouts) if passes <= rollouts else (low, high)
    assert wider[1] - wider[0] <= 1


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


def test_there_are_no_halves_of_one_rollout() -> None:
    assert split_half([Tally((True,))], Band()) is None
    same = split_half([Tally((True, True)), Tally((True, True))], Band())
    assert same is not None
    assert same.correlation is None
    assert same.difference == 0
