"""A client that pays for no answer twice: what was asked before is replayed from a cache.

Two questions are the same when model, messages, bounds and schema are; `sample` and `attempt` tell apart those that
want an answer of their own. Where the model is served, and how a server's limits cut the request, do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from codeseq_ray.ports import AnswerCache, ChatAnswer, ChatClient, ChatRequest

FORMAT = 1
"""Goes up whenever equal requests no longer mean equal answers; older answers are then not found any more."""
DIGEST_BYTES = 16

NOT_KEPT = frozenset({"context_length"})
"""Ends that say something of the server and its limits, not of the model: asked anew."""


_anew: ContextVar[int] = ContextVar("anew", default=0)


@contextmanager
def asked_anew(times: int) -> Iterator[None]:
    """Within, what was asked before is asked once more: `times` stands in every question's digest, unless it is 0.

    A user who re-opens outcomes wants other answers. Reaches the tasks that are made within.
    """
    token = _anew.set(times)
    try:
        yield
    finally:
        _anew.reset(token)


def digest(model: str, request: ChatRequest, scope: str = "") -> bytes:
    """What stands for a question; the same on every machine. Equal ones of two scopes are two."""
    asked: dict[str, Any] = {
        "format": FORMAT,
        "model": model,
        "messages": [dict(message) for message in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "json_schema": request.json_schema,
        "sample": request.sample,
        "attempt": request.attempt,
    }
    if times := _anew.get():
        asked["anew"] = times
    if scope:
        asked["scope"] = scope
    text = json.dumps(asked, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()


class ReplayingClient:
    """ports.ChatClient: asks the cache first, then the client behind it. StoreError passes through.

    Answers are shared within a `scope`; all without one are in the same.
    """

    def __init__(self, behind: ChatClient, cache: AnswerCache, scope: str = "") -> None:
        self.model = behind.model
        self._behind = behind
        self._cache = cache
        self._scope = scope

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        key = digest(self.model, request, self._scope)
        known = await self._cache.get(key)
        if known is not None:
            return replace(known, replayed=True, attempts=0, seconds=0.0)
        answer = await self._behind.chat(request)
        if answer.finish_reason not in NOT_KEPT:
            self._cache.put(key, answer)
        return answer

    async def close(self) -> None:
        await self._behind.close()
