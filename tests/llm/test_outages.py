"""Servers that go down, come back, are several: requests wait or go elsewhere, and none is failed for it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable

import pytest

from codeseq_ray.errors import (
    CapReachedError,
    EndpointsDownError,
    InfrastructureError,
    RunStoppedError,
    UsageError,
)
from codeseq_ray.llm import health, troubles
from codeseq_ray.llm import server as server_module
from codeseq_ray.llm.client import OUTAGES, OpenAIChatClient
from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.health import TRIED_AT_ONCE
from codeseq_ray.llm.roles import clients
from codeseq_ray.llm.settings import LLMSettings
from codeseq_ray.ports import ChatAnswer, ChatRequest

from .server import FAIR, ModelServer, Weather


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds instead of seconds."""
    monkeypatch.setattr(troubles, "FIRST_WAIT_SECONDS", 0.002)
    monkeypatch.setattr(troubles, "LONGEST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(health, "FIRST_PROBE_SECONDS", 0.05)
    monkeypatch.setattr(health, "LONGEST_PROBE_SECONDS", 0.2)
    monkeypatch.setattr(server_module, "DOUBT_SECONDS", 0.02)


def request(text: str = "hello") -> ChatRequest:
    return ChatRequest(({"role": "user", "content": text},), 50, 0.5)


@contextlib.asynccontextmanager
async def pair(
    generator: list[str],
    verifier: list[str] | None = None,
    *,
    notice: Callable[[str], None] = lambda line: None,
    in_flight: int = 16,
    patience_seconds: float = 60.0,
    retries: int = 5,
    stopped: Callable[[], RunStoppedError | None] | None = None,
) -> AsyncIterator[tuple[OpenAIChatClient, OpenAIChatClient]]:
    settings = LLMSettings(
        generator_url=tuple(generator),
        verifier_url=tuple(verifier or generator),
        generator_model="generator",
        verifier_model="verifier",
        requests_in_flight=in_flight,
        request_retries=retries,
        endpoint_patience_minutes=patience_seconds / 60,
    )
    both = clients(settings, notice=notice, stopped=stopped)
    try:
        yield both
    finally:
        await asyncio.gather(*(client.close() for client in both))


async def ask(client: OpenAIChatClient, count: int, text: str = "question") -> list[ChatAnswer]:
    return await asyncio.gather(*(client.chat(request(f"{text} {i}")) for i in range(count)))


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


async def test_who_waits_longest_is_served_first_across_roles() -> None:
    async with (
        ModelServer(slots=8, latency=0.005).running() as server,
        pair([server.url], in_flight=1) as both,
    ):
        await asyncio.gather(*(both[i % 3 % 2].chat(request(f"{i}")) for i in range(40)))
    assert [body["messages"][0]["content"] for body in server.asked] == [str(i) for i in range(40)]


async def test_work_goes_where_there_is_room() -> None:
    async with (
        ModelServer(slots=64, latency=0.02).running() as fast,
        ModelServer(slots=64, latency=0.4).running() as slow,
        pair([fast.url, slow.url], in_flight=8) as (client, _),
    ):
        await ask(client, 200)
    assert fast.most_open == slow.most_open == 8
    assert fast.outcomes["answered"] > 3 * slow.outcomes["answered"] > 0


async def test_one_request_at_a_time_still_spreads() -> None:
    async with (
        ModelServer().running() as one,
        ModelServer().running() as two,
        pair([one.url, two.url]) as both,
    ):
        for i in range(10):
            await both[0].chat(request(f"{i}"))
    assert min(one.outcomes["answered"], two.outcomes["answered"]) >= 3


async def test_a_server_of_one_role_only_gets_that_roles_requests() -> None:
    async with ModelServer().running() as one, ModelServer().running() as two:
        async with pair([one.url], [one.url, two.url], in_flight=2) as both:
            await asyncio.gather(*(both[i % 2].chat(request(f"{i}")) for i in range(60)))
        assert {body["model"] for body in two.asked} == {"verifier"}
        assert {body["model"] for body in one.asked} == {"generator", "verifier"}
        assert one.most_open == two.most_open == 2


async def test_requests_that_are_cancelled_leave_their_place_to_others() -> None:
    async with ModelServer(latency=0.1).running() as server, pair([server.url], in_flight=2) as (client, _):
        tasks = [asyncio.create_task(client.chat(request(f"{i}"))) for i in range(40)]
        await asyncio.sleep(0.15)
        for task in tasks[::2]:
            task.cancel()
        replies = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
        assert sum(isinstance(reply, ChatAnswer) for reply in replies) >= 20
        assert len(await asyncio.wait_for(ask(client, 4, "afterwards"), 10)) == 4
    assert server.most_open <= 3  # the server may learn of an abandoned request after the next has come


async def test_one_who_gives_up_just_as_it_is_given_a_slot_gives_it_back() -> None:
    async with ModelServer().running() as server, pair([server.url], in_flight=1) as (client, _):
        held = await client.pool.slot()
        waiting = asyncio.create_task(client.pool.slot())
        await asyncio.sleep(0)
        held.give_back()
        assert client.pool.servers[0].limit.open == 1, "the slot went to the one that waits"
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert client.pool.servers[0].limit.open == 0
        assert len(await asyncio.wait_for(ask(client, 3), 10)) == 3


async def test_closing_one_role_leaves_the_other_its_connection() -> None:
    async with ModelServer(latency=0.1).running() as server, pair([server.url]) as (generator, verifier):
        asked = asyncio.create_task(ask(verifier, 10))
        await asyncio.sleep(0.05)
        await generator.close()
        assert len(await asked) == 10


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


@pytest.mark.parametrize("actors", [1, 3])
async def test_the_engines_queue_stays_just_above_empty(actors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "FOLLOW_SECONDS", 0.1)
    settings = LLMSettings(
        generator_model="generator",
        verifier_model="verifier",
        requests_in_flight=64,
        follow_engine_queue=True,
    )
    async with ModelServer(slots=10, latency=0.15, metrics=True).running() as server:
        own = settings.model_copy(update={"generator_url": (server.url,), "verifier_url": (server.url,)})
        each = [clients(own)[0] for _ in range(actors)]
        await asyncio.gather(*(ask(client, 600 // actors, f"{i}") for i, client in enumerate(each)))
        await asyncio.gather(*(client.close() for client in each))
    settled = server.seen[300:560]
    assert max(queued for _, queued in server.seen) > 30, "at first all that may be out is sent"
    assert sum(queued for _, queued in settled) / len(settled) < 10
    assert sum(running for running, _ in settled) / len(settled) > 8.5, "the engine is to be kept full"


async def test_a_server_without_metrics_is_used_all_the_same_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "FOLLOW_SECONDS", 0.02)
    said: list[str] = []
    async with ModelServer(slots=64, latency=0.05).running() as server:
        settings = LLMSettings(
            generator_url=(server.url,),
            verifier_url=(server.url,),
            generator_model="generator",
            verifier_model="verifier",
            requests_in_flight=20,
            follow_engine_queue=True,
        )
        client, _ = clients(settings, notice=said.append)
        await ask(client, 200)
        await client.close()
    assert server.most_open == 20
    assert len(said) == 1
    assert "metrics" in said[0]
