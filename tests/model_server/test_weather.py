"""Bad weather delays answers and never changes one."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp
import pytest

from tests.model_server import ModelServer
from tests.model_server.asking import all_answered, once, question, until
from tests.model_server.draws import Turns
from tests.model_server.engine import LogNormal
from tests.model_server.weather import KINDS, Outage, Sky, Weather

BAD = Weather(busy=0.15, error=0.1, dropped=0.1, broken=0.1)


async def test_every_answer_is_the_same_in_bad_weather_and_fair() -> None:
    async with ModelServer().running() as fair, ModelServer(weather=BAD).running() as bad:
        assert await all_answered(bad.url, range(60), times=3) == await all_answered(
            fair.url, range(60), times=3
        )
        ends = bad.shared.accounts.stats()["ends"]
        assert {kind for kind in ends if kind != "answered"} == {"busy", "error", "dropped", "broken"}
        assert ends["answered"] == 180


async def test_replicas_share_their_turns_whoever_is_asked() -> None:
    async with ModelServer(replicas=2).running() as two, ModelServer().running() as one:
        alone = await all_answered(one.url, range(20), times=2)
        first = await all_answered(two.urls[0], range(20))
        assert first + await all_answered(two.urls[1], range(20)) == alone


async def test_the_same_question_gets_other_answers_at_other_times() -> None:
    async with ModelServer().running() as server, aiohttp.ClientSession() as session:
        texts = [await once(session, server.url, question(1)) for _ in range(20)]
    assert len({str(text and text["choices"]) for text in texts}) > 1


def test_faults_come_in_the_shares_asked_for() -> None:
    weather = Weather(busy=0.1, error=0.05, dropped=0.02, broken=0.02, hanging=0.01)
    sky = Sky(weather)
    met = Counter(sky.fault(f"request {i}") for i in range(20_000))
    for kind in KINDS:
        assert met[kind] / 20_000 == pytest.approx(getattr(weather, kind), abs=0.006)


def test_mercy_ends_a_requests_faults() -> None:
    sky = Sky(Weather(error=1.0, most_faults=3))
    assert [sky.fault("a") for _ in range(5)] == ["error"] * 3 + ["", ""]


def test_a_turn_that_was_not_used_up_goes_to_the_next() -> None:
    turns = Turns()
    assert [turns.take("a"), turns.take("a"), turns.take("b")] == [0, 1, 0]
    turns.give_back("a", 0)
    assert [turns.take("a"), turns.take("a")] == [0, 2]


async def test_an_answer_that_nobody_waited_for_is_no_answer() -> None:
    made = ModelServer(pace=lambda: LogNormal(median=0.3, sigma=0.01))
    async with made.running(), aiohttp.ClientSession() as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await once(session, made.url, question(1))
        answer = await once(session, made.url, question(1))
        await until(lambda: made.shared.accounts.stats()["open"] == 0)
        assert made.shared.accounts.stats()["ends"] == {"answered": 1, "left": 1}
        made.shared.reset()
        assert await once(session, made.url, question(1)) == answer


async def test_a_server_that_is_down_drops_what_it_has_and_comes_back() -> None:
    made = ModelServer(
        replicas=2,
        pace=lambda: LogNormal(median=0.4, sigma=0.01),
        outages={1: Outage(down_after=1, down_for=0.5)},
    )
    async with made.running(), aiohttp.ClientSession() as session:
        first = asyncio.create_task(once(session, made.urls[0], question(1)))
        await asyncio.sleep(0.1)
        # It goes down under this one, as the other server answers.
        assert await once(session, made.urls[1], question(1)) is None
        assert await first is not None
        tries = 0
        while (again := await once(session, made.urls[1], question(1))) is None:
            tries += 1
            await asyncio.sleep(0.02)
        assert tries > 0
        assert again["choices"]
        assert made.shared.accounts.stats()["ends"] == {"answered": 2, "left": 1}
