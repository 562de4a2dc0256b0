"""Caps and the run's account: nothing is sent beyond a cap that is known to be reached, and no total is lost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.dataset.usage import Bill
from codeseq_ray.errors import CapReachedError, InfrastructureError
from codeseq_ray.pipeline.monitor import Monitor
from codeseq_ray.pipeline.spending import Caps, Meter, MeteredClient
from codeseq_ray.pipeline.stopping import StopOrder
from codeseq_ray.ports import ChatAnswer, ChatRequest
from codeseq_ray.records import Call
from codeseq_ray.watching.standing import Spent, Standing

REQUEST = ChatRequest(({"role": "user", "content": "?"},), 10, 0.5)


class Model:
    """Asks for leave before every request, as the real client does, and sends each twice."""

    model = "m"

    def __init__(self, meter: Meter, at_once: int, fails: bool = False) -> None:
        self.sent = 0
        self.fails = fails
        self._meter = meter
        self._slots = asyncio.Semaphore(at_once)

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        async with self._slots:
            for _ in range(2):
                self._meter.before_sending()
                self.sent += 1
                await asyncio.sleep(0)
        if self.fails:
            raise InfrastructureError("down")
        return ChatAnswer("x", "stop", "m", prompt_tokens=7, completion_tokens=3, attempts=2)

    async def close(self) -> None: ...


@given(st.integers(1, 200), st.integers(1, 8), st.integers(0, 100))
def test_a_cap_on_tokens_is_passed_by_no_more_than_what_was_in_flight(
    cap: int, at_once: int, others: int
) -> None:
    async def scenario() -> None:
        meter = Meter(Caps(tokens=cap))
        meter.others = Spent(others, 0)
        client = MeteredClient(Model(meter, at_once), meter)

        async def worker() -> None:
            while True:
                await client.chat(REQUEST)

        # Many more wait for a slot than may be in flight.
        ends = await asyncio.gather(*(worker() for _ in range(40)), return_exceptions=True)
        assert all(isinstance(end, CapReachedError) and "cap-tokens" in str(end) for end in ends)
        spent = meter.own.tokens + others
        assert cap <= spent
        assert meter.own.tokens <= max(0, cap - others) + 10 * at_once

    asyncio.run(scenario())


@given(st.integers(1, 50), st.integers(1, 8), st.booleans())
def test_a_cap_on_requests_is_never_passed_whatever_becomes_of_them(
    cap: int, at_once: int, fails: bool
) -> None:
    async def scenario() -> None:
        meter = Meter(Caps(requests=cap))
        model = Model(meter, at_once, fails)
        client = MeteredClient(model, meter)
        asked = (client.chat(REQUEST) for _ in range(60))
        ends = await asyncio.gather(*asked, return_exceptions=True)
        assert model.sent == meter.own.requests == cap
        assert any(isinstance(end, CapReachedError) for end in ends)

    asyncio.run(scenario())


def test_time_is_a_cap_too_and_without_caps_nothing_ends() -> None:
    assert "cap-minutes 2" in Caps(until=time.time() - 1, minutes=2).reached(Spent())
    assert not Caps(until=time.time() + 60, minutes=2).reached(Spent())
    assert not Caps().reached(Spent(10**12, 10**12))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50)), max_size=30), st.integers(0, 100))
def test_every_actor_learns_what_all_others_and_earlier_starts_spent(
    told: list[tuple[str, int]], before: int
) -> None:
    monitor = Monitor(Spent(before, 1))
    totals: Counter[str] = Counter()
    for actor, more in told:
        totals[actor] += more
        others, _ = monitor.tell(actor, Standing(Spent(totals[actor], 0)), [])
        assert others.tokens == before + totals.total() - totals[actor]
    standing, _ = monitor.standing()
    assert standing.spent.tokens == totals.total()


def test_news_are_told_once_and_in_order() -> None:
    monitor = Monitor(Spent())
    monitor.tell("a", Standing(), ["down", "still down"])
    monitor.tell("b", Standing(), ["down"])
    assert monitor.standing()[1] == ["down", "still down"]
    assert monitor.standing()[1] == []


def test_bills_of_actors_add_up_by_stage_and_round() -> None:
    one, two = Bill(), Bill()
    call = Call(stage="program", agent="m", prompt_id="p", prompt_tokens=5, completion_tokens=2, seconds=1.0)
    one.add([call, call.model_copy(update={"round": 2, "stage": "correction"})])
    two.add([call, call.model_copy(update={"replayed": True, "attempts": 0})])
    two.add([Call(stage="program", agent="builtin")])
    both = (Standing(bill=one) + Standing(bill=two)).bill
    assert [
        (stage, number, u.calls, u.tokens, u.replayed, u.requests) for stage, number, u in both.in_order()
    ] == [
        ("program", 0, 3, 21, 1, 2),
        ("correction", 2, 1, 7, 0, 1),
    ]
    assert (one.tokens, two.tokens) == (14, 14)


def test_a_stop_reaches_every_actor_and_those_that_are_dead_do_not_hold_it_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("codeseq_ray.pipeline.monitor.time.monotonic", lambda: now)
    monitor = Monitor(Spent())
    for actor in ("a", "b"):
        _, order = monitor.tell(actor, Standing(open=3, idle=False), [])
        assert order is None
    monitor.stop(StopOrder("stopped by SIGTERM", 20.0))
    now += 5
    monitor.stop(StopOrder("again", 20.0))  # said every second: the first one counts
    _, order = monitor.tell("a", Standing(idle=True), [])
    assert order == StopOrder("stopped by SIGTERM", 15.0)
    assert not monitor.standing()[0].idle, "b has not told that it is through"
    now += 14
    monitor.tell("a", Standing(idle=True), [])
    assert not monitor.standing()[0].idle, "b is silent, and may still be writing"
    now += 2
    monitor.tell("a", Standing(idle=True), [])
    standing, _ = monitor.standing()
    assert (standing.idle, standing.open) == (True, 0), "the grace is over, and b is silent for too long"
