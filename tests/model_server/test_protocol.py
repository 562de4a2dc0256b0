"""What clients of vLLM rely on, asked through the openai SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest

from tests.model_server import ModelServer
from tests.model_server.answers import Skill
from tests.model_server.asking import body, question, until, with_schema
from tests.model_server.engine import LogNormal
from tests.model_server.protocol import Manners
from tests.model_server.weather import Outage


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    made = ModelServer(
        manners=Manners(context=1000, api_key="right"), skill=Skill(thoughts=1.0, thoughts_apart=True)
    )
    async with made.running():
        yield made


@pytest.fixture
async def sdk(server: ModelServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=server.url, api_key="right", max_retries=0) as client:
        yield client


async def test_usage_adds_up_to_what_the_statistics_say(server: ModelServer, sdk: openai.AsyncOpenAI) -> None:
    answers = [await sdk.chat.completions.create(**question(i % 3)) for i in range(8)]
    told = server.shared.accounts.stats()
    usages = [answer.usage for answer in answers if answer.usage]
    assert len(usages) == told["answered"] == 8
    assert sum(u.prompt_tokens for u in usages) == told["prompt_tokens"] > 0
    assert sum(u.completion_tokens for u in usages) == told["completion_tokens"] > 0
    thoughts = sum(u.completion_tokens_details.reasoning_tokens or 0 for u in usages)
    assert thoughts == told["reasoning_tokens"] > 0
    assert told["kinds"]["filter"]["answered"] == 8


async def test_a_prompt_that_came_before_is_cached_but_for_its_last_block(sdk: openai.AsyncOpenAI) -> None:
    asked = body("word " * 100, max_tokens=20)
    cached = []
    for _ in range(2):
        usage = (await sdk.chat.completions.create(**asked)).usage
        assert usage is not None
        assert usage.prompt_tokens_details is not None
        cached.append(usage.prompt_tokens_details.cached_tokens)
    assert cached[0] == 0
    assert 80 <= (cached[1] or 0) < 101


async def test_a_stream_brings_the_same_text_as_a_whole_answer(
    server: ModelServer, sdk: openai.AsyncOpenAI
) -> None:
    whole = await sdk.chat.completions.create(**question(1))
    server.shared.reset()
    stream = await sdk.chat.completions.create(
        **question(1), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 4
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


async def test_n_choices_are_drawn_each_for_itself(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(**(question(1) | {"n": 32}))
    keeps = {json.loads(c.message.content or "{}").get("keep") for c in answer.choices if _is_json(c)}
    assert len(answer.choices) == 32
    assert keeps == {True, False}


def _is_json(choice: object) -> bool:
    try:
        return bool(json.loads(choice.message.content))  # type: ignore[attr-defined]
    except ValueError:
        return False


@pytest.mark.parametrize("asked", [body("x", max_tokens=1001), body("word " * 900), body("x", max_tokens=0)])
async def test_what_does_not_fit_the_context_is_a_bad_request(
    sdk: openai.AsyncOpenAI, asked: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError):
        await sdk.chat.completions.create(**asked)


async def test_an_answer_longer_than_its_room_is_cut_there(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(**(question(1) | {"max_tokens": 7}))
    assert answer.usage is not None
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens >= 7


async def test_unknown_models_and_wrong_keys_are_refused(
    server: ModelServer, sdk: openai.AsyncOpenAI
) -> None:
    with pytest.raises(openai.NotFoundError):
        await sdk.chat.completions.create(**(body() | {"model": "another"}))
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="wrong").chat.completions.create(**body())
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="wrong").models.list()
    assert server.shared.accounts.stats()["ends"] == {"status 401": 1, "status 404": 1}


async def test_the_list_tells_each_models_length(sdk: openai.AsyncOpenAI) -> None:
    models = (await sdk.models.list()).data
    assert [m.id for m in models] == ["generator", "verifier"]
    assert {(m.model_extra or {})["max_model_len"] for m in models} == {1000}


async def test_a_server_without_schemas_refuses_or_passes_them_over() -> None:
    seen = {}
    for manner in ("follow", "ignore", "refuse"):
        made = ModelServer(manners=Manners(schemas=manner), skill=Skill(thoughts=0, broken_json=0, empty=0))
        async with made.running(), openai.AsyncOpenAI(base_url=made.url, api_key="x", max_retries=0) as sdk:
            try:
                answer = await sdk.chat.completions.create(**with_schema("no shape is named here"))
                seen[manner] = (answer.choices[0].message.content or "")[:1]
            except openai.BadRequestError:
                seen[manner] = "400"
    assert seen["follow"] == "{"
    assert seen["ignore"] not in ("{", "400")
    assert seen["refuse"] == "400"


async def test_metrics_tell_who_runs_and_who_waits() -> None:
    made = ModelServer(slots=3, pace=lambda: LogNormal(median=3600.0))
    async with made.running(), aiohttp.ClientSession() as session:
        asking = [
            asyncio.create_task(session.post(f"{made.url}/chat/completions", json=question(i)))
            for i in range(5)
        ]
        await until(lambda: made.shared.accounts.stats()["open"] == 5)
        text = await (await session.get(made.url.replace("/v1", "/metrics"))).text()
        gauges = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert sorted(gauges.values()) == ["2.0", "3.0"]
        assert any(name.startswith("vllm:num_requests_waiting{") for name in gauges)
        for task in asking:
            task.cancel()
        await until(lambda: made.shared.accounts.stats()["open"] == 0)
        assert made.served[0].engine.running == 0


async def test_a_server_that_starts_refuses_then_loads_then_serves() -> None:
    made = ModelServer(outages={0: Outage(refused_for=0.3, loading_for=0.3)})
    seen: list[object] = []
    async with made.running(), aiohttp.ClientSession() as session:
        while 200 not in seen:
            try:
                seen.append((await session.get(f"{made.url}/models")).status)
            except aiohttp.ClientConnectionError:
                seen.append("refused")
            await asyncio.sleep(0.02)
    assert list(dict.fromkeys(seen)) == ["refused", 503, 200]
