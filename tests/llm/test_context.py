"""How many tokens are asked for, where prompt and answer share a context whose length may not be known."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections import Counter
from typing import Any

import pytest

from codeseq_ray.llm.client import prompt_tokens

from .asking import client_of, request
from .server import ModelServer, completion


@pytest.mark.parametrize("ray_serve", [False, True])
async def test_max_tokens_keep_within_the_servers_context(ray_serve: bool) -> None:
    async with ModelServer(context=1000, context_as_ray_serve=ray_serve).running() as server:
        client = client_of(server)
        prompt = "word " * 200
        await client.chat(request(prompt, max_tokens=5000))
        await client.chat(request(prompt, max_tokens=300))
        await client.close()
    estimate = prompt_tokens([{"content": prompt}])
    assert [body["max_tokens"] for body in server.asked] == [1000 - estimate, 300]


@pytest.mark.parametrize("context_known", [True, False])
async def test_a_low_estimate_is_corrected_by_halves_and_the_answer_stays_bounded(
    context_known: bool,
) -> None:
    """Many short words: more tokens than our estimate, and the server does not say how many."""
    async with ModelServer(context=1000, lists_models=context_known).running() as server:
        client = client_of(server)
        answer = await client.chat(request("a " * 900, max_tokens=600))
        await client.close()
    asked = [body["max_tokens"] for body in server.asked]
    assert all(more // 2 == less for more, less in itertools.pairwise(asked))
    assert 50 < asked[-1] <= 100
    assert answer.attempts == len(asked)
    assert answer.completion_tokens <= 100


@pytest.mark.parametrize("said", ["in the messages", "input tokens"])
async def test_the_room_that_the_server_names_is_taken_at_once(said: str) -> None:
    async with ModelServer(context=1000, lists_models=False, names_the_prompt=said).running() as server:
        client = client_of(server)
        answer = await client.chat(request("a " * 900, max_tokens=600))
        await client.close()
    assert [body["max_tokens"] for body in server.asked] == [600, 100]
    assert answer.attempts == 2


async def test_a_prompt_beyond_the_context_is_an_answer_with_that_reason() -> None:
    async with ModelServer(context=1000).running() as server:
        client = client_of(server)
        answer = await client.chat(request("word " * 2000))
        await client.close()
    assert (answer.text, answer.finish_reason) == ("", "context_length")
    assert answer.attempts == len(server.asked)


def usages(asked: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """(text, end, completion tokens) of each answer to these bodies."""
    drawn = []
    for body in asked:
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        answer = completion(body, digest, 0)
        choice = answer["choices"][0]
        drawn.append(
            (choice["message"]["content"], choice["finish_reason"], answer["usage"]["completion_tokens"])
        )
    return drawn


async def test_an_answer_that_our_estimate_cut_is_asked_for_once_more_with_all_the_room() -> None:
    async with ModelServer(context=300, slots=64).running() as server:
        client = client_of(server)
        texts = [f"question {i} " + "word " * 18 for i in range(120)]
        answers = await asyncio.gather(*(client.chat(request(t, max_tokens=5000)) for t in texts))
        await client.close()
    seen: Counter[tuple[int, str]] = Counter()
    for text, answer in zip(texts, answers, strict=True):
        asked = [body for body in server.asked if body["messages"][0]["content"] == text]
        drawn = usages(asked)
        # 20 of the context's 300 tokens are the prompt's; the estimate leaves 256.
        assert [body["max_tokens"] for body in asked] == [256, 280][: len(asked)]
        assert len(asked) == answer.attempts == (2 if drawn[0][1] == "length" else 1)
        assert answer.text == drawn[-1][0]
        assert answer.finish_reason == ("context_length" if drawn[-1][1] == "length" else "stop")
        assert answer.completion_tokens == sum(tokens for _, _, tokens in drawn)
        assert answer.prompt_tokens == 20 * len(asked)
        seen[answer.attempts, answer.finish_reason] += 1
    assert set(seen) == {(1, "stop"), (2, "stop"), (2, "context_length")}


@pytest.mark.parametrize(("undercounts", "knows", "tries"), [(5, True, 2), (0, False, 2)])
async def test_an_answer_that_the_context_cut_is_kept_where_no_longer_one_is_to_be_had(
    undercounts: int, knows: bool, tries: int
) -> None:
    """The server refuses the longer request; or never says how long its context is."""
    server = ModelServer(
        context=300,
        slots=64,
        lists_models=knows,
        undercounts=undercounts,
        names_the_prompt="" if knows else "input tokens",
    )
    async with server.running():
        client = client_of(server)
        texts = [f"question {i} " + "word " * 18 for i in range(60)]
        answers = await asyncio.gather(*(client.chat(request(t, max_tokens=5000)) for t in texts))
        await client.close()
    bound = 256 if knows else 280
    cut = [answer for answer in answers if answer.finish_reason == "context_length"]
    assert len(cut) > 5
    for answer in cut:
        assert len(answer.text.split()) == answer.completion_tokens == bound
        assert answer.attempts == tries
    assert all(a.finish_reason in ("stop", "context_length") for a in answers)


async def test_the_models_own_bound_is_no_limit_of_the_servers() -> None:
    async with ModelServer(context=300).running() as server:
        client = client_of(server)
        answers = [await client.chat(request(f"question {i}", max_tokens=20)) for i in range(10)]
        await client.close()
    assert "length" in {answer.finish_reason for answer in answers} <= {"length", "stop"}
    assert len(server.asked) == 10
