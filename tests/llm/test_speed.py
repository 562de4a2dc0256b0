"""Time-outs: never beyond the cap, never below what the server has needed, and no spiral when it slows down."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeseq_ray.llm.speed import LEAST_SECONDS, OBSERVATIONS, Speed

seconds = st.floats(0.001, 5000, allow_nan=False)
tokens = st.integers(0, 20_000)


@given(
    cap=st.floats(0.1, 7200),
    events=st.lists(st.one_of(st.just("timed out"), st.tuples(tokens, seconds)), max_size=60),
    asked=st.integers(1, 30_000),
    more=st.integers(0, 30_000),
)
def test_the_time_out_keeps_its_range_and_grows_with_the_answer(
    cap: float, events: list[str | tuple[int, float]], asked: int, more: int
) -> None:
    speed = Speed(cap)
    for event in events:
        if isinstance(event, tuple):
            speed.answered(*event)
        else:
            speed.timed_out(speed.timeouts)
        assert min(cap, LEAST_SECONDS) <= speed.timeout_seconds(asked) <= cap
        assert speed.timeout_seconds(asked) <= speed.timeout_seconds(asked + more)


@given(answers=st.integers(0, OBSERVATIONS - 1), cap=st.floats(1, 5000))
def test_little_experience_leaves_the_patient_cap(answers: int, cap: float) -> None:
    speed = Speed(cap)
    for _ in range(answers):
        speed.answered(100, 0.1)
    assert speed.timeout_seconds(10) == cap


@given(
    per_token=st.floats(0.001, 1.0),
    queue=st.floats(0.0, 60.0),
    lengths=st.lists(st.integers(1, 4000), min_size=OBSERVATIONS, max_size=200),
    longest=st.integers(1, 4000),
)
def test_a_steady_server_is_never_cut_off(
    per_token: float, queue: float, lengths: list[int], longest: int
) -> None:
    """Time = queue + tokens, whatever the lengths that came first."""
    speed = Speed(1e9)
    for length in lengths:
        speed.answered(length, queue + per_token * length)
    assert speed.timeout_seconds(longest) >= per_token * longest
    if longest <= max(lengths):
        assert speed.timeout_seconds(longest) >= queue


@given(slower=st.floats(2, 2000), most=st.integers(50, 4000))
def test_a_server_that_slows_down_is_understood_after_few_time_outs(slower: float, most: int) -> None:
    """No answer arrives in time any more, so only the time-outs can teach it."""
    speed = Speed(7200.0)
    for _ in range(100):
        speed.answered(most, most * 0.01)
    needed = most * 0.01 * slower
    assume(needed < 7200)
    rounds = 0
    while speed.timeout_seconds(most) < needed:
        speed.timed_out(speed.timeouts)
        rounds += 1
    assert rounds <= 11
    # From here on answers teach the rest, before the caution is forgotten.
    for _ in range(200):
        speed.answered(most, needed)
        assert speed.timeout_seconds(most) >= needed
    assert speed.caution == pytest.approx(1.0)


def test_all_requests_of_one_stall_double_the_patience_once() -> None:
    speed = Speed(7200.0)
    for _ in range(50):
        speed.answered(1000, 10.0)
    before = speed.timeout_seconds(1000)
    sent_under = speed.timeouts
    for _ in range(64):
        speed.timed_out(sent_under)
    assert speed.timeout_seconds(1000) == pytest.approx(2 * before)


def test_a_fast_server_is_given_up_long_before_the_cap() -> None:
    speed = Speed(3600.0)
    for _ in range(100):
        speed.answered(400, 4.0)
    assert speed.timeout_seconds(2048) < 120
    assert speed.timeout_seconds(16) == LEAST_SECONDS


def test_one_freak_answer_is_forgotten() -> None:
    speed = Speed(3600.0)
    for _ in range(100):
        speed.answered(400, 4.0)
    usual = speed.timeout_seconds(2048)
    speed.answered(400, 1000.0)
    for _ in range(100):
        speed.answered(400, 4.0)
    assert speed.timeout_seconds(2048) < 1.5 * usual + LEAST_SECONDS
