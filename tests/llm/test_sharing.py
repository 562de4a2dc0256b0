"""Who is asked, and who is served first, where requests are more than slots and servers more than one."""

from __future__ import annotations

import asyncio

import pytest

from codeseq_ray.llm import server as server_module
from codeseq_ray.llm.roles import clients
from codeseq_ray.llm.settings import LLMSettings
from codeseq_ray.ports import ChatAnswer

from .asking import ask, pair, request
from .server import ModelServer

pytestmark = pytest.mark.usefixtures("quick_outages")


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
