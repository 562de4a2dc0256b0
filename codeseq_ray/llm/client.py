"""The chat client: one model, wherever it is served, with bounded and visible retries."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from codeseq_ray.errors import EndpointRefusedError, InfrastructureError
from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.observing import Observer
from codeseq_ray.llm.pool import Pool
from codeseq_ray.llm.server import BodyFor, Server, Slot
from codeseq_ray.llm.troubles import Kind, Trouble, wait_before_retry
from codeseq_ray.ports import ChatAnswer, ChatRequest

log = logging.getLogger(__name__)

TIMEOUT_RETRIES = 1
"""A request that timed out was paid for in full; a second one mostly times out too."""
BUSY_PER_RETRY = 4
"""A 429 costs nothing and says nothing against the request: so many count as one retry."""
OUTAGES = 8
"""A request that was out at so many servers as they went down is taken for what brings them down."""
FEWEST_ANSWER_TOKENS = 256
"""Below this the estimate of the prompt is not trusted: the server is left to say how much room there is."""
LEAST_ROOM_TOKENS = 32
"""With less room than this for its answer, a prompt is too long."""

WORTH_ANOTHER = 1.05
"""An answer is paid for a second time if it gets so many times the room."""


@dataclass
class _Course:
    """What one request has been through."""

    attempts: int = 0
    """Requests sent."""
    retries: int = 0
    busy: int = 0
    timeouts: int = 0
    outages: int = 0
    last: Server | None = None
    """Where the last try met trouble; the next one goes elsewhere if it can."""

    def wait(self, trouble: Trouble, bound: int) -> float | None:
        """Count the trouble. Seconds before the next try, or None when there is to be none."""
        if trouble.kind is Kind.BUSY:
            self.busy += 1
            return wait_before_retry(trouble, self.busy) if self.busy <= BUSY_PER_RETRY * bound else None
        self.retries += 1
        self.timeouts += trouble.kind is Kind.TIMEOUT
        if self.retries > bound or self.timeouts > TIMEOUT_RETRIES:
            return None
        return wait_before_retry(trouble, self.retries)


@dataclass
class _Room:
    """The bound on an answer, which must fit beside its prompt."""

    asked: int
    prompt: int
    """An estimate of the prompt's tokens, from above."""
    context: int | None = None
    found: int | None = None
    """What the server's replies have taught."""
    counted: bool = False
    """Has the server said how long the prompt is?"""
    sent: int = 0
    """The bound that the last request went out with."""

    def cuts(self, answer: ChatAnswer) -> bool:
        """Did the context end the answer, rather than the bound that was asked for?"""
        return answer.finish_reason == "length" and self.sent < self.asked

    @property
    def max_tokens(self) -> int:
        """Never without a bound: a model that repeats itself would be paid for to the end of its context."""
        room = self.asked
        if self.context is not None:
            room = min(room, max(self.context - self.prompt, FEWEST_ANSWER_TOKENS))
        return room if self.found is None else min(room, self.found)

    def refused(self, trouble: Trouble) -> bool:
        """Take less: what the server says is left, or half. False when nothing worth asking for is left."""
        if self.counted:
            # There is an answer already, and less than it had is not worth another.
            return False
        last = self.max_tokens
        self.found = trouble.room if trouble.room is not None and trouble.room < last else last // 2
        return self.found >= min(LEAST_ROOM_TOKENS, self.asked)

    def measured(self, prompt: int) -> bool:
        """The server has counted the prompt: take all that is left beside it. False when that is hardly more."""
        last = self.max_tokens
        if self.context is not None and prompt > 0:
            self.prompt, self.found, self.counted = prompt, self.context - prompt, True
        return self.max_tokens > WORTH_ANOTHER * last


class OpenAIChatClient:
    """Fills `ports.ChatClient` for the OpenAI-compatible servers of one role.

    Passing trouble (429, 5xx, broken answers, connections) is retried up to `retries` times with full jitter,
    honouring Retry-After; then it is an InfrastructureError. A server that is down is waited for, or left for
    another, and no retry is counted for it; EndpointsDownError comes from the pool. A refusal of key or model (401,
    403, 404) is an EndpointRefusedError at once. A prompt that does not fit, or that a content filter stops, is no
    error: the answer is empty and its `finish_reason` is `context_length` or `content_filter`. An answer that was
    cut because the context left it less than was asked for ends with `context_length` too, with its text; where
    the estimate of the prompt had cost it room, it is asked for once more first, and both are counted.

    `before_sending` is called with the slot in hand, before every request; what it raises goes to the caller.
    `ChatAnswer.attempts` counts every request sent, `seconds` is the time of those that were answered.
    `model` is the wire's name, with `@revision` where that is given.
    """

    def __init__(
        self,
        pool: Pool,
        name: str,
        *,
        revision: str | None = None,
        retries: int = 5,
        before_sending: Callable[[], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.pool = pool
        self.name = name
        self.model = f"{name}@{revision}" if revision else name
        self.retries = retries
        self._before_sending = before_sending
        self._observer = observer
        if observer is not None:
            observer.serves(pool)
        self._takes_schemas = True
        self._answers_as = name

    def __repr__(self) -> str:
        return f"OpenAIChatClient({self.model!r}, {self.pool!r})"

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        body = self._body(request)
        room = _Room(request.max_tokens, prompt_tokens(body["messages"]))
        course = _Course()
        answer = await self._answer(body, room, course)
        if room.cuts(answer) and room.measured(answer.prompt_tokens):
            answer = _together(answer, await self._answer(body, room, course))
        if room.cuts(answer):
            answer = replace(answer, finish_reason="context_length")
        return replace(answer, model=self.model, attempts=course.attempts)

    async def _sent(self, slot: Slot, body: BodyFor) -> ChatAnswer | Trouble:
        """One request, and what came of it."""
        if self._observer is None:
            return await slot.server.ask(slot, self.name, body)
        begun, reply = time.monotonic(), None
        try:
            reply = await slot.server.ask(slot, self.name, body)
            return reply
        finally:
            url = slot.server.endpoint.url
            self._observer.replied(self.pool.role, url, self.name, reply, time.monotonic() - begun)

    async def close(self) -> None:
        """Close the connections that no other role is using."""
        await self.pool.close()

    async def _answer(self, body: dict[str, Any], room: _Room, course: _Course) -> ChatAnswer:
        """Send the request until there is an answer or no hope. Takes the schema out of a body that is refused."""
        without_schema = False

        def fitted(context: int | None) -> Mapping[str, Any]:
            room.context = context
            room.sent = body["max_tokens"] = room.max_tokens
            return body

        while True:
            async with await self.pool.slot(avoid=course.last) as slot:
                if self._before_sending is not None:
                    self._before_sending()
                course.attempts += 1
                reply = await self._sent(slot, fitted)
            if isinstance(reply, ChatAnswer):
                if without_schema:
                    self._leave_schemas_out()
                self._notice_another_name(reply.model)
                return reply
            if reply.kind is Kind.REFUSED:
                raise refused(slot.server.endpoint, self.name, reply)
            if reply.kind is Kind.TOO_LONG and room.refused(reply):
                continue
            if reply.kind in (Kind.TOO_LONG, Kind.FILTERED):
                reason = "context_length" if reply.kind is Kind.TOO_LONG else "content_filter"
                return ChatAnswer("", reason, self.name)
            if reply.kind is Kind.BAD_REQUEST:
                if "response_format" not in body:
                    raise self._given_up(slot, reply, course)
                del body["response_format"]
                without_schema = True
                continue
            course.last = slot.server
            if await slot.server.is_gone(reply, slot):
                # A 503 of a server that is only starting is nobody's fault.
                course.outages += slot.was_up or reply.kind is Kind.CONNECTION
                if course.outages >= OUTAGES:
                    raise self._given_up(slot, reply, course)
                if course.outages:
                    # Apart from those that it was out with: one of them may be what brings servers down.
                    await asyncio.sleep(wait_before_retry(replace(reply, retry_after=None), course.outages))
                continue
            wait = course.wait(reply, self.retries)
            if wait is None:
                raise self._given_up(slot, reply, course)
            await asyncio.sleep(wait)

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        # No `seed`: some engines fall over concurrent seeded requests, and it would not make answers repeatable.
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [dict(message) for message in request.messages],
            "temperature": request.temperature,
        }
        if request.json_schema is not None and self._takes_schemas:
            body["response_format"] = response_format(request.json_schema)
        return body

    def _leave_schemas_out(self) -> None:
        if self._takes_schemas:
            self._takes_schemas = False
            log.warning("model %r does not take JSON schemas: asking without from now on", self.name)

    def _notice_another_name(self, said: str) -> None:
        if said and said != self._answers_as:
            self._answers_as = said
            log.warning("asked for model %r, the server says that %r answered", self.name, said)

    def _given_up(self, slot: Slot, trouble: Trouble, course: _Course) -> InfrastructureError:
        status = f" with status {trouble.status}" if trouble.status else ""
        server = slot.server.endpoint
        return InfrastructureError(
            f"{server.url} gave model {self.name!r} no answer after {course.attempts} "
            f"{'try' if course.attempts == 1 else 'tries'}; last: {trouble.kind.value}{status}: "
            f"{server.public(trouble.text)}"
        )


def _together(cut: ChatAnswer, again: ChatAnswer) -> ChatAnswer:
    """The second answer, or the first where the longer request was refused; both were paid for."""
    return replace(
        cut if again.finish_reason == "context_length" else again,
        prompt_tokens=cut.prompt_tokens + again.prompt_tokens,
        completion_tokens=cut.completion_tokens + again.completion_tokens,
        cached_tokens=cut.cached_tokens + again.cached_tokens,
        reasoning_tokens=cut.reasoning_tokens + again.reasoning_tokens,
        seconds=cut.seconds + again.seconds,
    )


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The protocol's way to ask for an answer of this JSON schema."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": dict(schema), "strict": True},
    }


def prompt_tokens(messages: list[Mapping[str, str]]) -> int:
    """An estimate from above: many tokenisers spend one token per digit and about one per 3 other bytes."""
    tokens = 0
    for message in messages:
        content = message["content"]
        digits = sum(map(content.count, "0123456789"))
        tokens += 16 + digits + (len(content.encode()) - digits) // 3
    return tokens


def refused(endpoint: Endpoint, model: str, trouble: Trouble) -> EndpointRefusedError:
    """The error that ends a run: which endpoint, which model, what to change."""
    if trouble.status in (401, 403):
        sent = "The key that was sent is refused" if endpoint.has_key else "No key was sent"
        remedy = (
            f"{sent}: set CODESEQ_GENERATOR_API_KEY, CODESEQ_VERIFIER_API_KEY or CODESEQ_POLICY_API_KEY, whichever "
            "role this URL is for."
        )
    elif trouble.status == 429:
        remedy = "The account is out of quota; add some or use another endpoint."
    else:
        remedy = (
            f"Check the model's name against {endpoint.url}/models, and that the URL ends as the server's API does "
            "(mostly /v1)."
        )
    said = endpoint.public(trouble.text)
    return EndpointRefusedError(
        f"{endpoint.url} refuses model {model!r} with status {trouble.status}: {said}\n{remedy}"
    )
