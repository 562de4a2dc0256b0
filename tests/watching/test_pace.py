"""How fast, how long, how sure: against runs whose end is known."""

from __future__ import annotations

import math
import random
from bisect import bisect_right

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codeseq_ray.watching.pace import FIRST, Eta, History, eta


def steady(seconds: int, rate: float) -> History:
    history = History()
    for second in range(1, seconds + 1):
        history.add(second, {"done": rate * second})
    return history


def test_nothing_is_said_of_a_run_that_has_brought_nothing_or_only_just_begun() -> None:
    assert eta(History(), "done", 10) is None
    assert eta(steady(100, 0.0), "done", 10) is None
    assert eta(steady(int(FIRST) - 1, 5.0), "done", 1000) is None
    assert eta(steady(10, 5.0), "done", 50) == Eta(0.0, 0.0, 0.0)


@given(st.integers(10, 2000), st.floats(0.01, 100), st.floats(1.01, 50))
def test_a_steady_run_ends_when_its_rate_says_and_the_interval_holds_that(
    seconds: int, rate: float, times: float
) -> None:
    total = math.ceil(rate * seconds * times) + 1
    told = eta(steady(seconds, rate), "done", total)
    assert told is not None
    assert told.low < told.seconds < told.high
    assert told.seconds == pytest.approx((total - rate * seconds) / rate, rel=1e-6, abs=1e-6)


def test_the_longer_a_run_the_surer_it_is() -> None:
    widths = []
    for seconds in (10, 100, 1000, 10_000):
        told = eta(steady(seconds, 2.0), "done", 40_000)
        assert told is not None
        widths.append(math.log(told.high / told.low))
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 1, "ten seconds say little"
    assert widths[-1] < 0.1


@pytest.mark.parametrize("burst", [1, 20])
def test_of_runs_by_chance_about_95_in_100_end_within_the_interval(burst: int) -> None:
    """Things come at random times, one by one or in bursts; asked at a third of the way."""
    drawn = random.Random(5)
    within = asked = 0
    for _ in range(300):
        total, rate = drawn.randint(200, 2000), drawn.uniform(0.5, 20)
        at, times = 0.0, []
        while len(times) < total:
            at += drawn.expovariate(rate / burst)
            times += [at] * burst
        history, done, now = History(), 0, 0
        while done < total / 3:
            now += 1
            done = bisect_right(times, now)
            history.add(now, {"done": done})
        told = eta(history, "done", total)
        if told is None:
            continue
        asked += 1
        within += told.low <= times[total - 1] - now <= told.high
    assert asked > 200
    assert within / asked > 0.9


def test_a_run_that_stands_still_is_reckoned_by_what_it_did_before_and_less_surely() -> None:
    history = History()
    for second in range(1, 301):
        history.add(second, {"done": min(second, 100)})
    told = eta(history, "done", 200)
    assert told is not None
    assert told.seconds == pytest.approx(300)
    assert told.high > 2.5 * told.seconds


@given(st.lists(st.floats(0.01, 30), min_size=1, max_size=200))
@example([1.0] * 3000)
def test_a_long_history_stays_small_and_exact_at_its_ends(steps: list[float]) -> None:
    history, at = History(), 0.0
    for step in steps:
        at += step
        history.add(at, {"done": 3 * at})
    assert len(history._at) <= 721
    assert history.total("done", at) == pytest.approx(3 * at)
    assert history.total("done", at / 3) == pytest.approx(at)
    assert history.total("done", -1) == 0
    assert history.rate("done") == pytest.approx(3)


def test_a_rate_is_that_of_its_window() -> None:
    history = History()
    for second in range(1, 1001):
        history.add(second, {"runs": min(second, 950) * 2})
    assert history.rate("runs", 50) == 0
    assert history.rate("runs", 100) == pytest.approx(1)
