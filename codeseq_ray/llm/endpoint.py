"""One model server on the wire: its connection, its answers, its list of models, its metrics."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai
from pydantic import SecretStr

from codeseq_ray.llm.troubles import BrokenAnswerError, short
from codeseq_ray.ports import ChatAnswer

CONNECT_SECONDS = 10.0
LISTING_SECONDS = 10.0
METRICS_SECONDS = 5.0
STOPPED_BY_THE_SERVER = frozenset({"abort", "error"})
"""Ends that say nothing of the model: the engine (vLLM: `abort`) or its host broke the answer off."""
_GAUGES = re.compile(r"^vllm:num_requests_(running|waiting)(?:\{[^}]*\})?[ \t]+(\S+)", re.MULTILINE)


@dataclass
class _Connection:
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    sdk: openai.AsyncOpenAI


@dataclass(frozen=True)
class EngineQueue:
    """Requests of all clients in the engine, by its own count."""

    running: int
    waiting: int


class Endpoint:
    """An OpenAI-compatible server under its base URL (`http://host:8000/v1`).

    Cheap to make and to pickle before its first request: the connection is opened on the event loop that sends
    it, which in a Ray actor is not the one that made it. All methods raise what the SDK, its transport or the
    clock raises, for `troubles.recognise` to read, and BrokenAnswerError.
    """

    def __init__(self, url: str, api_key: SecretStr | None = None) -> None:
        self.url = url.rstrip("/")
        self._api_key = api_key
        self._connection: _Connection | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"

    @property
    def has_key(self) -> bool:
        return self._api_key is not None

    async def complete(self, body: Mapping[str, Any], timeout_seconds: float) -> ChatAnswer:
        """Send one chat request; the whole answer must be there in time."""
        sdk = self._open()
        begun = time.monotonic()
        # The SDK's own limits hold per read of the socket; this one holds for the answer as a whole.
        async with asyncio.timeout(timeout_seconds):
            # As `sdk.chat.completions.create(**body)` does, without its walks through the types of the request and
            # the answer: half of the CPU of a call (docs/design/llm.md). Both are plain JSON here.
            completion = await sdk.post("/chat/completions", body=dict(body), cast_to=object)
        return _read(completion, time.monotonic() - begun)

    async def models(self) -> dict[str, int | None]:
        """By model name, the tokens that prompt and answer may take together (`/models`); None: not said."""
        async with asyncio.timeout(LISTING_SECONDS):
            # As plain JSON: the SDK's own reader falls over a body that is no object.
            page = await self._open().get("/models", cast_to=object)
        listed = _field(page, "data")
        if not isinstance(listed, list):
            raise BrokenAnswerError("no list of models")
        models: dict[str, int | None] = {}
        for model in listed:
            # vLLM says it itself; Ray Serve LLM in what it says of the model.
            length = _field(model, "max_model_len")
            if length is None:
                length = _field(_field(model, "metadata"), "max_request_context_length")
            name = _field(model, "id")
            if isinstance(name, str):
                models[name] = length if isinstance(length, int) and length > 0 else None
        return models

    async def engine_queue(self) -> EngineQueue | None:
        """vLLM's gauges in `/metrics` beside the API, summed over models and engines; None where there are none."""
        async with asyncio.timeout(METRICS_SECONDS):
            text = await self._open().get(f"{self.url.removesuffix('/v1')}/metrics", cast_to=str)
        gauges = _GAUGES.findall(text)
        if {name for name, _ in gauges} != {"running", "waiting"}:
            return None
        try:
            running, waiting = (
                int(sum(float(value) for name, value in gauges if name == wanted))
                for wanted in ("running", "waiting")
            )
        except (ValueError, OverflowError):
            return None
        return EngineQueue(running, waiting)

    def public(self, text: str) -> str:
        """A text fit to be shown, and short: some servers repeat the key that they refuse."""
        key = self._api_key.get_secret_value() if self._api_key else ""
        # Cut last: half a key would not be recognised.
        return short(text.replace(key, "[API key]") if key else text)

    async def close(self) -> None:
        """Close the connection; a later request opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.loop is asyncio.get_running_loop():
            await connection.sdk.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None}

    def _open(self) -> openai.AsyncOpenAI:
        loop = asyncio.get_running_loop()
        if self._connection is None or self._connection.loop is not loop:
            timeout = openai.Timeout(None, connect=CONNECT_SECONDS)
            self._connection = _Connection(
                loop,
                openai.AsyncOpenAI(
                    base_url=self.url,
                    # Servers without authentication ignore the key, but the SDK insists on one.
                    api_key=self._api_key.get_secret_value() if self._api_key else "EMPTY",
                    max_retries=0,
                    timeout=timeout,
                    # Its CPU per call stays level as concurrency rises; the default transport's does not.
                    http_client=openai.DefaultAioHttpClient(timeout=timeout),
                ),
            )
        return self._connection.sdk


def _read(completion: object, seconds: float) -> ChatAnswer:
    """Nobody has checked the body: a strange one is found out here."""
    choices = _field(completion, "choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = _field(choice, "message")
    if not isinstance(message, dict):
        raise BrokenAnswerError("it holds no message")
    # vLLM ≥ 0.11 and OpenRouter say `reasoning`, older vLLM and DeepSeek `reasoning_content`.
    reasoning = message.get("reasoning") or message.get("reasoning_content") or ""
    refusal = message.get("refusal")
    content = message.get("content")
    if not isinstance(content, str | None) or not isinstance(reasoning, str):
        raise BrokenAnswerError("its message is not a text")
    text = content or (refusal if isinstance(refusal, str) else "") or ""
    finish_reason = str(_field(choice, "finish_reason") or "")
    if finish_reason in STOPPED_BY_THE_SERVER:
        raise BrokenAnswerError(f"the server broke it off: {finish_reason}")
    if not finish_reason and not text.strip():
        raise BrokenAnswerError("it holds no text and does not say why")
    usage = _field(completion, "usage")
    return ChatAnswer(
        text=text,
        finish_reason="refusal" if refusal and not content else finish_reason,
        model=str(_field(completion, "model") or ""),
        reasoning=reasoning,
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(_field(usage, "prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(_field(usage, "completion_tokens_details"), "reasoning_tokens"),
        seconds=seconds,
    )


def _field(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _count(usage: object, name: str) -> int:
    value = _field(usage, name)
    return value if isinstance(value, int) and value >= 0 else 0
