"""Slots and time: nothing here depends on how fast the machine is, only on what may not be faster."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.model_server import ModelServer
from tests.model_server.accounts import Accounts
from tests.model_server.asking import all_answered
from tests.model_server.engine import Batching, Engine, LogNormal, Pace


async def test_no_more_run_than_there_are_slots_and_first_come_are_first_served() -> None:
    accounts = Accounts(3)
    engine = Engine(3, Batching(), accounts)
    most, order = 0, []

    async def request(number: int) -> None:
        nonlocal most
        async with engine.slot():
            order.append(number)
            most = max(most, engine.running)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(request(i) for i in range(20)))
    assert most == 3
    assert order == list(range(20))
    assert (engine.running, engine.waiting) == (0, 0)
    assert accounts.stats()["most_waiting"] == 17


async def test_tokens_come_slower_when_more_decode_together() -> None:
    loop = asyncio.get_running_loop()
    pace = Batching(first_token=0.0, per_token=0.001, crowding=0.1)

    async def together(requests: int) -> float:
        begun = loop.time()
        await asyncio.gather(*(pace.decode("", 100, 100) for _ in range(requests)))
        return loop.time() - begun

    assert await together(1) >= 0.099
    assert await together(21) >= 0.297


async def test_a_short_answer_is_not_held_up_by_a_long_one() -> None:
    pace = Batching(per_token=0.001)
    long = asyncio.create_task(pace.decode("", 10**7, 10**7))
    await pace.decode("", 10, 10)
    assert not long.done()
    long.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await long
    await pace.decode("", 10, 10)


@pytest.mark.parametrize("pace", [Batching(first_token=0.01), LogNormal(median=0.01)])
async def test_slot_seconds_are_what_the_requests_took(pace: Pace) -> None:
    accounts = Accounts(4)
    engine, loop = Engine(4, pace, accounts), asyncio.get_running_loop()
    took = 0.0

    async def request(number: int) -> None:
        nonlocal took
        async with engine.slot():
            begun = loop.time()
            await pace.prefill(str(number), 10)
            await pace.decode(str(number), 50, 50)
            took += loop.time() - begun

    await asyncio.gather(*(request(i) for i in range(30)))
    told = accounts.stats()
    assert told["slot_seconds"] == pytest.approx(took, rel=0.05, abs=0.02)
    assert sum(told["running_by_second"]) == pytest.approx(told["slot_seconds"], abs=0.1)
    assert told["slot_seconds_fed"] < told["slot_seconds"]
    assert 0 < told["occupancy"] <= 1
    assert 0 < told["fed_occupancy"] <= 1.001


async def test_who_leaves_frees_the_slot() -> None:
    engine = Engine(1, Batching(per_token=10.0), Accounts(1))

    async def request() -> None:
        async with engine.slot():
            await engine.pace.decode("", 1000, 1000)

    tasks = [asyncio.create_task(request()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert (engine.running, engine.waiting) == (1, 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (engine.running, engine.waiting) == (0, 0)


def test_drawn_latencies_have_the_median_and_the_spread_that_were_asked_for() -> None:
    drawn = sorted(LogNormal(0.5, 0.8).seconds(f"request {i}") for i in range(4000))
    assert drawn[2000] == pytest.approx(0.5, rel=0.1)
    assert drawn[int(4000 * 0.8413)] == pytest.approx(0.5 * 2.2255, rel=0.1)


async def test_a_reset_forgets_what_was_asked() -> None:
    async with ModelServer().running() as server:
        before = await all_answered(server.url, range(5))
        server.shared.reset()
        assert server.shared.accounts.stats()["arrived"] == 0
        assert await all_answered(server.url, range(5)) == before
