"""One model server: its connection, its slots, its list of models."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletion
from pydantic import SecretStr

from codeseq_ray.errors import EndpointRefusedError, UsageError
from codeseq_ray.llm.troubles import PASSING, BrokenAnswerError, Kind, Trouble, recognise
from codeseq_ray.ports import ChatAnswer

CONNECT_SECONDS = 10.0
LISTING_SECONDS = 10.0


@dataclass
class _Connection:
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    sdk: openai.AsyncOpenAI
    slots: asyncio.Semaphore
    listing: asyncio.Task[dict[str, int | None]] | None = None
    """The question for the list of models, asked once for all who wait for it."""


class Endpoint:
    """An OpenAI-compatible server under its base URL (`http://host:8000/v1`).

    Cheap to make and to pickle before its first request: the connection is opened on the event loop that sends
    it, which in a Ray actor is not the one that made it. At most `in_flight` requests are out at a time; the
    others wait here, and their wait is not part of `timeout_seconds`.
    """

    def __init__(
        self,
        url: str,
        api_key: SecretStr | None = None,
        *,
        in_flight: int = 64,
        timeout_seconds: float = 600.0,
    ) -> None:
        self.url = url.rstrip("/")
        self.in_flight = in_flight
        self.timeout_seconds = timeout_seconds
        self._api_key = api_key
        self._connection: _Connection | None = None
        self._models: dict[str, int | None] | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r}, in_flight={self.in_flight})"

    async def complete(self, body: Mapping[str, Any]) -> ChatAnswer:
        """Send one chat request; what the server or the line does wrong is raised as it comes."""
        connection = self._open()
        async with connection.slots:
            begun = time.monotonic()
            # The SDK's own limits hold per read of the socket; this one holds for the answer as a whole.
            async with asyncio.timeout(self.timeout_seconds):
                completion = await connection.sdk.chat.completions.create(**body)
            return _read(completion, time.monotonic() - begun)

    async def context_length(self, model: str) -> int | None:
        """Tokens that prompt and answer may take together, as `/v1/models` says; None if it does not say."""
        if self._models is None:
            connection = self._open()
            if connection.listing is None or connection.listing.done():
                connection.listing = asyncio.create_task(self.models())
            try:
                # One who gives up waiting must not take the answer from the others.
                self._models = await asyncio.shield(connection.listing)
            except openai.APIStatusError as error:
                if error.status_code not in (404, 405):
                    raise
                # A server without a list of models may still serve one.
                self._models = {}
        return self._models.get(model)

    async def models(self) -> dict[str, int | None]:
        """Context length by model name, from `/v1/models`; raises as `complete` does."""
        async with asyncio.timeout(LISTING_SECONDS):
            page = await self._open().sdk.models.list()
        listed = getattr(page, "data", None)
        if not isinstance(listed, list):
            raise BrokenAnswerError("no list of models")
        models: dict[str, int | None] = {}
        for model in listed:
            length = (getattr(model, "model_extra", None) or {}).get("max_model_len")
            name = getattr(model, "id", None)
            if isinstance(name, str):
                models[name] = length if isinstance(length, int) and length > 0 else None
        return models

    def public(self, text: str) -> str:
        """A text fit to be shown: some servers repeat the key that they refuse."""
        key = self._api_key.get_secret_value() if self._api_key else ""
        return text.replace(key, "[API key]") if key else text

    async def close(self) -> None:
        """Close the connection; a later request opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.loop is asyncio.get_running_loop():
            await connection.sdk.close()

    def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        if self._connection is None or self._connection.loop is not loop:
            self._connection = _Connection(
                loop=loop,
                sdk=openai.AsyncOpenAI(
                    base_url=self.url,
                    # Servers without authentication ignore the key, but the SDK insists on one.
                    api_key=self._api_key.get_secret_value() if self._api_key else "EMPTY",
                    max_retries=0,
                    timeout=openai.Timeout(None, connect=CONNECT_SECONDS),
                    # Its CPU per call stays level as concurrency rises; the default transport's does not.
                    http_client=openai.DefaultAioHttpClient(
                        timeout=openai.Timeout(None, connect=CONNECT_SECONDS)
                    ),
                ),
                slots=asyncio.Semaphore(self.in_flight),
            )
        return self._connection


def _read(completion: ChatCompletion, seconds: float) -> ChatAnswer:
    """The SDK builds its objects without checking them, so a strange body is only found out here."""
    choices: object = getattr(completion, "choices", None)
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = getattr(choice, "message", None)
    if message is None:
        raise BrokenAnswerError("it holds no message")
    extra = getattr(message, "model_extra", None) or {}
    # vLLM ≥ 0.11 and OpenRouter say `reasoning`, older vLLM and DeepSeek `reasoning_content`.
    reasoning = extra.get("reasoning") or extra.get("reasoning_content") or ""
    refusal = getattr(message, "refusal", None)
    content = getattr(message, "content", None)
    if not isinstance(content, str | None) or not isinstance(reasoning, str):
        raise BrokenAnswerError("its message is not a text")
    usage = getattr(completion, "usage", None)
    return ChatAnswer(
        text=content or (refusal if isinstance(refusal, str) else "") or "",
        finish_reason="refusal"
        if refusal and not content
        else str(getattr(choice, "finish_reason", None) or ""),
        model=str(getattr(completion, "model", None) or ""),
        reasoning=reasoning,
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        seconds=seconds,
    )


def _count(usage: object, name: str) -> int:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and value >= 0 else 0


def refused(endpoint: Endpoint, model: str, trouble: Trouble) -> EndpointRefusedError:
    """The error that ends a run: which endpoint, which model, what to change."""
    if trouble.status in (401, 403):
        remedy = "Check the API key setting for this URL, and that the key may use this model."
    elif trouble.status == 429:
        remedy = "The account is out of quota; add some or use another endpoint."
    else:
        remedy = (
            f"Check the model's name against {endpoint.url}/models, and that the URL ends as the server's \
API does (mostly /v1)."
        )
    said = endpoint.public(trouble.text)
    return EndpointRefusedError(
        f"{endpoint.url} refuses model {model!r} with status {trouble.status}: {said}\n{remedy}"
    )


async def preflight(url: str, model: str, api_key: SecretStr | None = None, *, seconds: float = 10.0) -> None:
    """Before a run: does the endpoint answer, and does it have this model? Takes at most `seconds`.

    Raises UsageError when nothing answers and EndpointRefusedError when the key or the model is refused.
    """
    endpoint = Endpoint(url, api_key)
    last = Trouble(Kind.TIMEOUT, "no answer in time")
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    models = await endpoint.models()
                    break
                except Exception as error:
                    trouble = recognise(error)
                    if trouble is None:
                        raise
                    if trouble.kind not in PASSING:
                        raise refused(endpoint, model, trouble) from None
                    last = trouble
                await asyncio.sleep(min(0.5, seconds / 10))
    except TimeoutError:
        raise UsageError(
            f"{endpoint.url} does not answer ({last.kind.value}: {endpoint.public(last.text)}); tried for "
            f"{seconds:g} s.\nStart the model server, wait until it is ready, or correct the URL."
        ) from None
    finally:
        await endpoint.close()
    if model not in models:
        known = ", ".join(sorted(models)[:10]) or "none"
        raise EndpointRefusedError(
            f"{endpoint.url} does not serve model {model!r}. It serves: {known}.\n"
            "Set the model to one of these, or start a server for it."
        )
