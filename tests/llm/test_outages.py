"""Servers that go down, come back, are several: requests wait or go elsewhere, and none is failed for it."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest

from codeseq_ray.errors import (
    CapReachedError,
    EndpointsDownError,
    InfrastructureError,
    RunStoppedError,
    UsageError,
)
from codeseq_ray.llm import server as server_module
from codeseq_ray.llm.client import OUTAGES
from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.health import TRIED_AT_ONCE
from codeseq_ray.ports import ChatAnswer

from .asking import ask, pair, request
from .server import FAIR, ModelServer, Weather

pytestmark = pytest.mark.usefixtures("quick_outages")


async def stopped(slots: int = 16, latency: float = 0.01) -> ModelServer:
    """A server that is not there, but has an address."""
    server = ModelServer(slots=slots, latency=latency)
    async with server.running():
        pass
    return server


@pytest.mark.parametrize("retries", [0, 5])
async def test_requests_wait_for_a_server_that_is_not_there_yet(retries: int) -> None:
    said: list[str] = []
    server = await stopped()
    async with pair([server.url], notice=said.append, retries=retries) as (client, _):
        asked = asyncio.create_task(ask(client, 40))
        await asyncio.sleep(0.6)
        assert not asked.done()
        async with server.running():
            answers = await asyncio.wait_for(asked, 30)
    assert len(answers) == 40
    assert len(said) == 2, said
    assert "is down" in said[0]
    assert server.url in said[0]
    assert "is back after" in said[1]
    assert server.outcomes["answered"] == 40


async def test_a_server_that_starts_slowly_is_waited_for() -> None:
    said: list[str] = []
    async with (
        ModelServer(starts_after=0.8).running() as server,
        pair([server.url], notice=said.append, retries=1) as (client, _),
    ):
        assert len(await asyncio.wait_for(ask(client, 20), 30)) == 20
    assert "503" in said[0]


async def test_a_server_that_dies_under_load_loses_nothing_and_is_not_stampeded_when_back() -> None:
    server = await stopped(slots=64, latency=0.2)
    said: list[str] = []
    async with pair([server.url], notice=said.append, in_flight=32) as (client, _):
        async with server.running():
            asked = asyncio.create_task(ask(client, 150))
            for _ in range(1000):
                if server.outcomes["answered"] >= 20:
                    break
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        before = server.outcomes["answered"]
        server.most_open = 0
        async with server.running():
            while server.outcomes["answered"] == before:
                assert server.most_open <= TRIED_AT_ONCE
                await asyncio.sleep(0.002)
            answers = await asyncio.wait_for(asked, 60)
    assert len(answers) == 150
    assert TRIED_AT_ONCE < server.most_open <= 32
    assert [("is down" in line, "is back after" in line) for line in said] == [(True, False), (False, True)]


async def test_the_others_do_the_work_of_one_that_is_down_and_it_joins_when_back() -> None:
    away = await stopped()
    said: list[str] = []
    async with ModelServer().running() as here, pair([here.url, away.url], notice=said.append) as (client, _):
        begun = time.monotonic()
        assert len(await asyncio.wait_for(ask(client, 100), 30)) == 100
        assert here.outcomes["answered"] == 100
        assert time.monotonic() - begun < 20
        async with away.running():
            for part in range(100):
                await ask(client, 20, f"part {part}")
                if away.outcomes["answered"] > 20:
                    break
                await asyncio.sleep(0.02)
            else:
                pytest.fail("the second server got no work after it was back")
    assert ["down" in line for line in said] == [True, False]


async def test_after_its_patience_a_run_stops_and_says_where_and_what_to_do() -> None:
    away, other = await stopped(), await stopped()
    async with pair([away.url, other.url], patience_seconds=1.0) as (client, _):
        begun = time.monotonic()
        replies = await asyncio.gather(
            *(client.chat(request(f"question {i}")) for i in range(30)), return_exceptions=True
        )
        assert time.monotonic() - begun >= 1.0
        assert all(isinstance(reply, EndpointsDownError) for reply in replies), replies
        for words in (away.url, other.url, "generator", "--endpoint-patience-minutes", "Start one"):
            assert words in str(replies[0])
        with pytest.raises(EndpointsDownError):
            await client.chat(request("one that comes later"))


@pytest.mark.parametrize("said", ["null", "[]", "1", '"x"'])
async def test_a_list_that_is_none_does_not_end_the_patience(said: str) -> None:
    """Something else answers at the address of a server that is down."""
    server = await stopped()
    server.lists = said
    async with pair([server.url], patience_seconds=1.0) as (client, _):
        asked = asyncio.gather(
            *(client.chat(request(f"question {i}")) for i in range(10)), return_exceptions=True
        )
        await asyncio.sleep(0.5)
        async with server.running():
            replies = await asyncio.wait_for(asked, 30)
            assert server.listings > 1
    assert all(isinstance(reply, EndpointsDownError) for reply in replies), replies


async def test_the_watch_outlives_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "REMIND_SECONDS", 0.1)
    reminders = 0

    def notice(line: str) -> None:
        nonlocal reminders
        if "has been down" in line:
            reminders += 1
            raise RuntimeError("nobody takes lines any more")

    async def models(_: Endpoint) -> dict[str, int | None]:
        raise AttributeError("something that nobody thought of")

    away = await stopped()
    async with pair([away.url], patience_seconds=2.0, notice=notice) as (client, _):
        asked = asyncio.gather(
            *(client.chat(request(f"question {i}")) for i in range(10)), return_exceptions=True
        )
        await asyncio.sleep(0.5)
        assert not asked.done()
        monkeypatch.setattr(Endpoint, "models", models)
        replies = await asyncio.wait_for(asked, 30)
    assert all(isinstance(reply, EndpointsDownError) for reply in replies), replies
    assert reminders > 1


async def test_nobody_waits_for_a_server_on_behalf_of_a_run_that_is_over() -> None:
    away = await stopped()
    over: list[RunStoppedError] = []
    async with pair([away.url], patience_seconds=3600, stopped=lambda: over[0] if over else None) as (
        client,
        _,
    ):
        asked = asyncio.gather(
            *(client.chat(request(f"question {i}")) for i in range(20)), return_exceptions=True
        )
        await asyncio.sleep(0.6)
        assert not asked.done()
        over.append(CapReachedError("time is up"))
        replies = await asyncio.wait_for(asked, 30)
        assert replies == over * 20
        with pytest.raises(CapReachedError):
            await asyncio.wait_for(client.chat(request("one that comes later")), 10)


async def test_a_run_that_is_over_waits_neither_where_another_server_of_the_role_is_up() -> None:
    away = await stopped()
    over: list[RunStoppedError] = []
    async with (
        ModelServer(weather=Weather(hanging=1.0)).running() as here,
        pair([here.url, away.url], in_flight=1, stopped=lambda: over[0] if over else None) as (client, _),
    ):
        asked = [asyncio.create_task(client.chat(request(f"question {i}"))) for i in range(5)]
        await asyncio.sleep(0.6)
        over.append(CapReachedError("time is up"))
        done, out = await asyncio.wait(asked, timeout=3)
        assert [type(task.exception()) for task in done] == [CapReachedError] * 4
        for task in out:
            task.cancel()
        await asyncio.gather(*out, return_exceptions=True)


async def test_a_long_outage_is_called_to_mind_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "REMIND_SECONDS", 0.5)
    said: list[str] = []
    away = await stopped()
    async with pair([away.url], notice=said.append, patience_seconds=2.0) as (client, _):
        with pytest.raises(EndpointsDownError):
            await client.chat(request())
    assert 2 <= len(said) <= 6
    assert all("has been down for" in line and away.url in line for line in said[1:])


async def test_requests_that_hang_since_before_an_outage_do_not_bar_its_end() -> None:
    """Their connections are dead without a word; the server is back long before they time out."""
    server = await stopped(slots=64)
    async with pair([server.url], in_flight=4) as (client, _):
        async with server.running():
            held = client.pool.servers[0]
            slots = [await client.pool.slot() for _ in range(3)]
            assert held.limit.open == 3
        asked = asyncio.create_task(ask(client, 20))
        await asyncio.sleep(0.3)
        async with server.running():
            assert len(await asyncio.wait_for(asked, 30)) == 20
        for slot in slots:
            slot.give_back()
    assert held.limit.open == 0


async def test_a_list_that_answers_while_requests_do_not_is_no_server() -> None:
    """A router in front answers for servers that are away: waited for, with patience, and no record fails."""
    async with (
        ModelServer(weather=Weather(unavailable=1.0)).running() as server,
        pair([server.url], patience_seconds=1.5) as (client, _),
    ):
        replies = await asyncio.wait_for(
            asyncio.gather(
                *(client.chat(request(f"question {i}")) for i in range(20)), return_exceptions=True
            ),
            60,
        )
    assert all(isinstance(reply, EndpointsDownError) for reply in replies), replies


async def test_a_503_of_a_server_that_is_only_starting_is_nobodys_fault() -> None:
    """One request alone is tried again and again, and answered in the end."""
    async with (
        ModelServer(weather=Weather(unavailable=1.0)).running() as server,
        pair([server.url]) as (client, _),
    ):
        asked = asyncio.create_task(client.chat(request()))
        for _ in range(2000):
            if len(server.asked) >= OUTAGES + 6 or asked.done():
                break
            await asyncio.sleep(0.01)
        server.weather = FAIR
        answer = await asyncio.wait_for(asked, 30)
    assert answer.attempts > OUTAGES


async def test_single_drops_and_503s_among_answers_do_not_take_it_down() -> None:
    weather = Weather(dropped=0.03, unavailable=0.03, error=0.03)
    said: list[str] = []
    async with (
        ModelServer(weather=weather, slots=16, lists_in_bad_weather=0.05).running() as server,
        pair([server.url], notice=said.append) as (client, _),
    ):
        assert len(await ask(client, 800)) == 800
    assert server.outcomes["dropped"] > 10
    assert server.outcomes["unavailable"] > 10
    assert said == []


async def test_in_bad_weather_with_a_server_away_nothing_is_lost() -> None:
    weather = Weather(busy=0.1, error=0.05, dropped=0.02, broken=0.02)
    one, two = await stopped(slots=32), await stopped(slots=32)
    one.weather = two.weather = weather
    said: list[str] = []
    async with pair([one.url, two.url], notice=said.append, in_flight=32) as (client, _), one.running():
        async with two.running():
            asked = asyncio.create_task(ask(client, 1500))
            for _ in range(1000):
                if two.outcomes["answered"] >= 200:
                    break
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        before = two.outcomes["answered"]
        async with two.running():
            answers = await asyncio.wait_for(asked, 120)
    assert len(answers) == 1500
    assert two.outcomes["answered"] > before, "it joins in again"
    assert not any(one.url in line for line in said), said
    assert sum(two.url in line for line in said) == 2, said


async def test_a_server_that_asks_for_a_long_pause_is_left_alone() -> None:
    weather = Weather(busy=1.0, retry_after="86400")
    async with (
        ModelServer(weather=weather).running() as server,
        pair([server.url], in_flight=4, patience_seconds=1.0) as (client, _),
    ):
        with pytest.raises(EndpointsDownError):
            await asyncio.wait_for(client.chat(request()), 30)
    assert len(server.asked) == 1


async def test_a_request_that_brings_servers_down_is_given_up_and_the_others_go_on() -> None:
    server = ModelServer(dies_of="poison", slots=32, latency=0.05)
    async with server.running(), pair([server.url], in_flight=8) as (client, _):

        async def others() -> list[ChatAnswer]:
            answers = []
            for i in range(60):
                answers.append(await client.chat(request(f"question {i}")))
                await asyncio.sleep(0.02)
            return answers

        going_on = asyncio.create_task(others())
        with pytest.raises(InfrastructureError) as caught:
            await asyncio.wait_for(client.chat(request("poison")), 60)
        assert len(await asyncio.wait_for(going_on, 60)) == 60
    assert not isinstance(caught.value, UsageError)
    # A death that is over before the list is asked for counts as a plain retry.
    assert OUTAGES <= server.deaths <= OUTAGES + 5


@pytest.mark.filterwarnings("error")
async def test_a_close_while_it_is_down_leaves_nothing_running() -> None:
    server = await stopped()
    async with pair([server.url]) as (client, _):
        asked = asyncio.create_task(client.chat(request()))
        await asyncio.sleep(0.3)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    gc.collect()
