"""How the tests ask a server: plain bodies, sent until they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

SCHEMA = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "keep": {"type": "boolean"}},
    "required": ["reason", "keep"],
}


def body(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {
        "model": "generator",
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 200,
        "temperature": 0.7,
        **more,
    }


def with_schema(text: str, schema: dict[str, Any] = SCHEMA, **more: Any) -> dict[str, Any]:
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    return body(text, response_format=form, **more)


def question(number: int) -> dict[str, Any]:
    """One of many different questions whose answers differ by what is drawn."""
    return with_schema(f"question {number}: keep it or not?")


async def once(session: aiohttp.ClientSession, url: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The completion, or None when it met trouble."""
    try:
        async with session.post(f"{url}/chat/completions", json=asked) as response:
            answered: dict[str, Any] = await response.json()
            return answered if response.status == 200 else None
    except (aiohttp.ClientError, ValueError):
        return None


async def until_answered(session: aiohttp.ClientSession, url: str, asked: dict[str, Any]) -> str:
    for _ in range(200):
        if answer := await once(session, url, asked):
            return str(answer["choices"][0]["message"]["content"])
        await asyncio.sleep(0.005)
    raise AssertionError("never answered")


async def until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110 - what is waited for happens in the server, which knows no tests
        await asyncio.sleep(0.01)


async def all_answered(url: str, questions: range, times: int = 1) -> list[str]:
    """The texts of all answers, `times` for each question, in order."""
    async with aiohttp.ClientSession() as session:
        rounds = [
            await asyncio.gather(*(until_answered(session, url, question(i)) for i in questions))
            for _ in range(times)
        ]
    return [text for texts in rounds for text in texts]
