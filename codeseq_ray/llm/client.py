"""The chat client: one model behind one endpoint, with bounded and visible retries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from codeseq_ray.errors import InfrastructureError, UsageError
from codeseq_ray.llm.endpoint import Endpoint, refused
from codeseq_ray.llm.settings import LLMSettings
from codeseq_ray.llm.troubles import PASSING, Kind, Trouble, recognise, wait_before_retry
from codeseq_ray.ports import ChatAnswer, ChatRequest

log = logging.getLogger(__name__)

TIMEOUT_RETRIES = 1
"""A request that timed out was paid for in full; a second one mostly times out too."""
FEWEST_ANSWER_TOKENS = 256
"""Below this the estimate of the prompt is not trusted: the server is left to say how much room there is."""


class OpenAIChatClient:
    """Fills `ports.ChatClient` for an OpenAI-compatible server.

    Transient trouble (429, 5xx, broken answers, connections) is retried up to `retries` times with full jitter,
    honouring Retry-After; then it is an InfrastructureError. A refusal of key or model (401, 403, 404) is an
    EndpointRefusedError at once. A prompt that does not fit, or that a content filter stops, is no error: the
    answer is empty and its `finish_reason` is `context_length` or `content_filter`.

    `ChatAnswer.attempts` counts every request sent, `seconds` is the time of the one that was answered.
    """

    def __init__(self, endpoint: Endpoint, model: str, *, retries: int = 5) -> None:
        self.endpoint = endpoint
        self.model = model
        self.retries = retries
        self._takes_schemas = True

    def __repr__(self) -> str:
        return f"OpenAIChatClient({self.endpoint.url!r}, {self.model!r})"

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        body = self._body(request)
        attempts = retries = timeouts = 0
        fitted = False
        without_schema = False
        while True:
            attempts += 1
            try:
                if not fitted:
                    self._fit(body, await self.endpoint.context_length(self.model))
                    fitted = True
                answer = await self.endpoint.complete(body)
            except Exception as error:
                trouble = recognise(error)
                if trouble is None:
                    raise
            else:
                if without_schema and self._takes_schemas:
                    self._takes_schemas = False
                    log.warning("%r does not take JSON schemas: asking without from now on", self)
                return replace(answer, model=answer.model or self.model, attempts=attempts)
            if trouble.kind is Kind.REFUSED:
                raise refused(self.endpoint, self.model, trouble) from None
            if trouble.kind is Kind.TOO_LONG and "max_tokens" in body:
                # Our estimate was too low. Without a bound the server gives what is left of its context.
                del body["max_tokens"]
                continue
            if trouble.kind in (Kind.TOO_LONG, Kind.FILTERED):
                reason = "context_length" if trouble.kind is Kind.TOO_LONG else "content_filter"
                return ChatAnswer(text="", finish_reason=reason, model=self.model, attempts=attempts)
            if trouble.kind is Kind.BAD_REQUEST and "response_format" in body:
                del body["response_format"]
                without_schema = True
                continue
            retries += 1
            timeouts += trouble.kind is Kind.TIMEOUT
            wait = self._wait(trouble, retries, timeouts)
            if wait is None:
                raise self._given_up(trouble, attempts) from None
            await asyncio.sleep(wait)

    async def close(self) -> None:
        await self.endpoint.close()

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        # No `seed`: some engines fall over concurrent seeded requests, and it would not make answers repeatable.
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(message) for message in request.messages],
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
        }
        if request.json_schema is not None and self._takes_schemas:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": dict(request.json_schema), "strict": True},
            }
        return body

    @staticmethod
    def _fit(body: dict[str, Any], context: int | None) -> None:
        """Keep `max_tokens` within what the server's context leaves; it answers 400 otherwise."""
        if context is None:
            return
        room = context - prompt_tokens(body["messages"])
        if room < FEWEST_ANSWER_TOKENS:
            del body["max_tokens"]
        else:
            body["max_tokens"] = min(body["max_tokens"], room)

    def _wait(self, trouble: Trouble, retries: int, timeouts: int) -> float | None:
        if trouble.kind not in PASSING or retries > self.retries or timeouts > TIMEOUT_RETRIES:
            return None
        return wait_before_retry(trouble, retries)

    def _given_up(self, trouble: Trouble, attempts: int) -> InfrastructureError:
        status = f" with status {trouble.status}" if trouble.status else ""
        return InfrastructureError(
            f"{self.endpoint.url} gave model {self.model!r} no answer after {attempts} "
            f"{'try' if attempts == 1 else 'tries'}; last: {trouble.kind.value}{status}: "
            f"{self.endpoint.public(trouble.text)}"
        )


def prompt_tokens(messages: list[Mapping[str, str]]) -> int:
    """An estimate from above: many tokenisers spend one token per digit and about one per 3 other bytes."""
    tokens = 0
    for message in messages:
        content = message["content"]
        digits = sum(character.isdigit() for character in content)
        tokens += 16 + digits + (len(content.encode()) - digits) // 3
    return tokens


def clients(settings: LLMSettings) -> tuple[OpenAIChatClient, OpenAIChatClient]:
    """The generator's and the verifier's client; roles on one endpoint share its connection and its slots.

    Raises UsageError naming the settings that are missing.
    """
    urls, models = urls_and_models(settings)
    keys = (settings.generator_api_key, settings.verifier_api_key)
    endpoints: dict[tuple[str, str | None], Endpoint] = {}
    made = []
    for url, model, key in zip(urls, models, keys, strict=True):
        endpoint = endpoints.setdefault(
            (url, key.get_secret_value() if key else None),
            Endpoint(
                url,
                key,
                in_flight=settings.requests_in_flight,
                timeout_seconds=settings.request_timeout_seconds,
            ),
        )
        made.append(OpenAIChatClient(endpoint, model, retries=settings.request_retries))
    return made[0], made[1]


def urls_and_models(settings: LLMSettings) -> tuple[tuple[str, str], tuple[str, str]]:
    """((generator URL, verifier URL), (generator model, verifier model)), all given, or a UsageError."""
    url, model = settings.generator_url, settings.generator_model
    other_url, other_model = settings.verifier_url, settings.verifier_model
    if url is None or model is None or other_url is None or other_model is None:
        needed = {
            "--generator-url": url,
            "--generator-model": model,
            "--verifier-url": other_url,
            "--verifier-model": other_model,
        }
        missing = ", ".join(name for name, value in needed.items() if value is None)
        raise UsageError(f"agents that are models need {missing}: the base URL and the model's name there")
    return (url, other_url), (model, other_model)
