"""Replaying: equal questions are paid for once, questions that differ in anything that counts are not mixed up."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.llm.replay import ReplayingClient, digest
from codeseq_ray.ports import ChatAnswer, ChatRequest

requests = st.builds(
    ChatRequest,
    messages=st.lists(
        st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text()}),
        min_size=1,
        max_size=3,
    ).map(tuple),
    max_tokens=st.integers(1, 5000),
    temperature=st.sampled_from([0.0, 0.3, 1.0]),
    json_schema=st.none() | st.dictionaries(st.text(), st.text(), max_size=2),
    sample=st.integers(0, 3),
    attempt=st.integers(0, 3),
)


class Memory:
    def __init__(self) -> None:
        self.known: dict[bytes, ChatAnswer] = {}

    async def get(self, key: bytes) -> ChatAnswer | None:
        return self.known.get(key)

    def put(self, key: bytes, answer: ChatAnswer) -> None:
        self.known[key] = answer


class Counting:
    """Answers with a number that no other answer has."""

    def __init__(self, model: str = "m", finish_reason: str = "stop") -> None:
        self.model = model
        self.asked = 0
        self._finish_reason = finish_reason

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        self.asked += 1
        return ChatAnswer(str(self.asked), self._finish_reason, self.model, attempts=2, seconds=1.5)

    async def close(self) -> None: ...


REQUEST = ChatRequest(({"role": "user", "content": "2 + 2?"},), 10, 0.5)


@given(requests, requests)
def test_two_questions_share_a_digest_only_if_they_are_the_same(one: ChatRequest, two: ChatRequest) -> None:
    assert digest("m", one) == digest("m", replace(one))
    assume(one != two)
    assert digest("m", one) != digest("m", two)


@given(requests, st.text(), st.text())
def test_another_model_is_another_question(request_: ChatRequest, one: str, two: str) -> None:
    assume(one != two)
    assert digest(one, request_) != digest(two, request_)


def test_an_equal_question_is_replayed_and_says_so() -> None:
    async def scenario() -> None:
        behind, cache = Counting(), Memory()
        first = await ReplayingClient(behind, cache).chat(REQUEST)
        again = await ReplayingClient(behind, cache).chat(REQUEST)
        assert behind.asked == 1
        assert (first.replayed, first.attempts, first.seconds) == (False, 2, 1.5)
        assert again == replace(first, replayed=True, attempts=0, seconds=0.0)

    asyncio.run(scenario())


def test_thirty_two_samples_of_one_prompt_stay_thirty_two() -> None:
    async def scenario() -> None:
        behind, cache = Counting(), Memory()
        for _ in range(2):
            client = ReplayingClient(behind, cache)
            texts = {(await client.chat(replace(REQUEST, sample=n))).text for n in range(32)}
            assert len(texts) == 32
        assert behind.asked == 32

    asyncio.run(scenario())


def test_answers_are_shared_within_a_scope_alone() -> None:
    async def scenario() -> None:
        cache = Memory()
        asked = []
        for scope in ("", "one", "two", "one", ""):
            behind = Counting()
            await ReplayingClient(behind, cache, scope).chat(REQUEST)
            asked.append(behind.asked)
        assert asked == [1, 1, 1, 0, 0]

    asyncio.run(scenario())


def test_what_the_servers_context_cut_off_is_asked_anew() -> None:
    async def scenario() -> None:
        behind, cache = Counting(finish_reason="context_length"), Memory()
        client = ReplayingClient(behind, cache)
        await client.chat(REQUEST)
        await client.chat(REQUEST)
        assert behind.asked == 2

    asyncio.run(scenario())


def test_trouble_is_not_remembered() -> None:
    class Once(Counting):
        async def chat(self, request: ChatRequest) -> ChatAnswer:
            if not self.asked:
                self.asked += 1
                raise InfrastructureError("down")
            return await super().chat(request)

    async def scenario() -> None:
        client = ReplayingClient(Once(), Memory())
        with pytest.raises(InfrastructureError):
            await client.chat(REQUEST)
        assert (await client.chat(REQUEST)).text == "2"

    asyncio.run(scenario())
