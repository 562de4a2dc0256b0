"""The bound on requests out: whatever comes, it stays within its range, and it does what its docstring says."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from codeseq_ray.llm.limit import MOST_WAITING, WAITING_SHARE, Limit

events = st.lists(
    st.one_of(
        st.sampled_from(["take", "answered", "refused", "gone"]),
        st.tuples(st.integers(0, 500), st.integers(0, 500)),
    ),
    max_size=300,
)


@given(most=st.integers(1, 300), events=events)
def test_the_bound_keeps_its_range_and_no_slot_is_given_beyond_it(
    most: int, events: list[str | tuple[int, int]]
) -> None:
    limit = Limit(most)
    out: list[int] = []
    for event in events:
        before = limit.bound
        if event == "take":
            if limit.has_room():
                out.append(limit.take())
                assert len(out) <= limit.bound
        elif isinstance(event, tuple):
            limit.follow(*event)
        elif out:
            halvings = out.pop(0)
            if event == "answered":
                limit.answered()
                assert limit.bound >= before
            elif event == "refused":
                limit.refused(halvings)
                assert limit.bound <= before
            limit.give_back()
        assert 1 <= limit.bound <= most
        assert limit.open == len(out)


@given(most=st.integers(4, 300), data=st.data())
def test_a_burst_halves_once_however_many_replies_it_has(most: int, data: st.DataObject) -> None:
    limit = Limit(most)
    sent = [limit.take() for _ in range(most)]
    refused = data.draw(st.integers(most // 3 + 1, most))
    for halvings in sent[:refused]:
        limit.refused(halvings)
        limit.give_back()
    assert limit.bound == most // 2


def test_a_second_burst_halves_again() -> None:
    limit = Limit(64)
    for _ in range(2):
        before = limit.bound
        sent = [limit.take() for _ in range(before)]
        for halvings in sent:
            limit.refused(halvings)
        for _ in sent:
            limit.give_back()
        assert limit.bound == before // 2


def test_one_stray_429_in_ten_costs_no_room() -> None:
    """A plain halving at each burst would settle near four of 64 here."""
    weather = random.Random(7)
    limit = Limit(64)
    out: list[int] = []
    bounds = []
    for _ in range(20_000):
        while limit.has_room():
            out.append(limit.take())
        halvings = out.pop(0)
        if weather.random() < 0.1:
            limit.refused(halvings)
        else:
            limit.answered()
        limit.give_back()
        bounds.append(limit.bound)
    assert sum(bounds) / len(bounds) > 58


@settings(max_examples=30)
@given(capacity=st.integers(4, 60))
def test_a_server_with_fewer_places_is_soon_asked_for_little_more(capacity: int) -> None:
    """It refuses at once what is beyond its places; who was refused comes back some rounds later."""
    weather = random.Random(capacity)
    limit = Limit(64)
    inside: list[int] = []
    back_at = [0] * 256
    refused = answered = 0
    bounds = []
    for now in range(2000):
        for record in [r for r in range(256) if back_at[r] <= now]:
            if not limit.has_room():
                break
            halvings = limit.take()
            if len(inside) < capacity:
                inside.append(halvings)
                back_at[record] = now + 1
            else:
                limit.refused(halvings)
                limit.give_back()
                back_at[record] = now + weather.randint(1, 30)
                refused += now >= 200
        for _ in range(max(1, len(inside) // 10)):
            inside.pop(0)
            limit.answered()
            limit.give_back()
            answered += now >= 200
        bounds.append(limit.bound)
    assert refused < answered
    assert sum(bounds[200:]) / len(bounds[200:]) < 1.5 * capacity + 4
    assert answered > 0.5 * 1800 * max(1, capacity // 10)


@given(most=st.integers(8, 100), used=st.floats(0.0, 0.7))
def test_a_bound_that_is_not_used_does_not_grow(most: int, used: float) -> None:
    limit = Limit(most)
    for halvings in [limit.take() for _ in range(most)]:
        limit.refused(halvings)
        limit.give_back()
    bound = limit.bound
    for _ in range(int(used * bound)):
        limit.take()
    for _ in range(1000):
        limit.answered()
    assert limit.bound == bound
    while limit.has_room():
        limit.take()
    for _ in range(40 * most):
        limit.answered()
        while limit.has_room():
            limit.take()
    assert limit.bound == most


@given(places=st.integers(4, 256), actors=st.integers(1, 6), most=st.sampled_from([64, 256]))
def test_several_clients_fill_one_engine_and_no_more(places: int, actors: int, most: int) -> None:
    """Endless work, an engine that runs so many; only its gauges are known."""
    limits = [Limit(most) for _ in range(actors)]
    waiting = []
    for second in range(300):
        for limit in limits:
            while limit.has_room():
                limit.take()
            while limit.open > limit.bound:
                limit.give_back()
        total = sum(limit.open for limit in limits)
        running, queued = min(total, places), max(0, total - places)
        if second >= 150:
            waiting.append(queued)
            if places <= actors * most:
                assert running >= 0.9 * min(places, actors * most)
        for limit in limits:
            limit.follow(running, queued)
    step = actors * max(1, most / 32)
    assert max(waiting) <= max(MOST_WAITING, WAITING_SHARE * places) + step + actors
    if places + MOST_WAITING < actors * most:
        assert max(waiting) >= 1


def test_an_excess_that_drains_slowly_is_taken_off_once() -> None:
    """Long answers: what waits now still waits at the next look; the bound must not fall further for it."""
    limit = Limit(64)
    for _ in range(64):
        limit.take()
    limit.follow(24, 40)
    bound = limit.bound
    for _ in range(10):
        limit.follow(24, 40)
    assert limit.bound == bound == 24 + MOST_WAITING
