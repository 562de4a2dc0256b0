"""The OpenAI chat protocol as vLLM speaks it, in front of one engine: one replica of a server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from aiohttp import web

from tests.model_server import tokens
from tests.model_server.accounts import Accounts, Log
from tests.model_server.answers import Reply, StandIn
from tests.model_server.answers.model import cut
from tests.model_server.answers.reading import Question
from tests.model_server.draws import Turns, digest
from tests.model_server.engine import Engine
from tests.model_server.weather import Sky
from tests.model_server.wire import Answer, Choice, error, most_tokens, text_of

CHUNKS = 8
"""Parts in which a streamed answer is sent, after the first token."""


@dataclass(frozen=True)
class Manners:
    """What kind of server it is."""

    models: tuple[str, ...] = ("generator", "verifier")
    context: int | None = 8192
    """Tokens of prompt and answer together (`max_model_len`); None: it does not say and does not check."""
    api_key: str = ""
    schemas: str = "follow"
    """What it does with a JSON schema: follow, ignore, or refuse (400)."""
    lists_models: bool = True
    revoked_after: int | None = None
    """After so many answers its key is refused (401)."""
    reasoning_field: str = "reasoning_content"


@dataclass
class Shared:
    """What all replicas have in common: whoever is asked, the n-th same question gets the same answer."""

    accounts: Accounts
    log: Log
    stand_in: StandIn
    sky: Sky
    turns: Turns = field(default_factory=Turns)

    def reset(self) -> None:
        """Forget all that came: counts, turns and weather begin anew."""
        self.accounts.reset()
        self.turns.clear()
        self.sky.clear()


class Replica:
    """One engine behind one port. Whether it is `loading` is set from outside."""

    def __init__(self, manners: Manners, engine: Engine, shared: Shared, cache: tokens.PrefixCache) -> None:
        self.manners, self.engine, self.shared, self.cache = manners, engine, shared, cache
        self.loading = False
        self.port = 0
        self.routes = [
            web.get("/health", self._health),
            web.get("/metrics", self._metrics),
            web.get("/v1/models", self._models),
            web.post("/v1/chat/completions", self._chat),
            web.get("/stats", self._stats),
            web.post("/stats/reset", self._reset),
        ]

    # --------------------------------------------------------------------------------------- around the chat

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(status=503 if self.loading else 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        if self.loading:
            return web.Response(status=503)
        label = f'{{engine="0",model_name="{self.manners.models[0]}"}}'
        lines = []
        for name, value, words in (
            ("num_requests_running", self.engine.running, "Number of requests in model execution batches."),
            ("num_requests_waiting", self.engine.waiting, "Number of requests waiting to be processed."),
        ):
            lines += [f"# HELP vllm:{name} {words}", f"# TYPE vllm:{name} gauge"]
            lines.append(f"vllm:{name}{label} {float(value)}")
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")

    async def _models(self, request: web.Request) -> web.Response:
        if refusal := self._gate(request):
            return refusal
        if not self.manners.lists_models:
            return error(404, "Not Found", "NotFoundError")
        extra = {} if self.manners.context is None else {"max_model_len": self.manners.context}
        cards = [
            {
                "id": m,
                "object": "model",
                "created": 0,
                "owned_by": "vllm",
                "root": f"stand-in/{m}",
                "parent": None,
            }
            | extra
            for m in self.manners.models
        ]
        return web.json_response({"object": "list", "data": cards})

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(self.shared.accounts.stats())

    async def _reset(self, request: web.Request) -> web.Response:
        self.shared.reset()
        return web.json_response({})

    # ----------------------------------------------------------------------------------------------- a chat

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        begun = time.time()
        try:
            body = await request.json()
            question = Question.of(body)
            kind = question.name
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            return error(400, f"the request cannot be read: {wrong!r}", "BadRequestError")
        accounts = self.shared.accounts
        accounts.arrived(kind)
        told: dict[str, Any] = {"end": "left"}
        try:
            return await self._met(request, body, question, told)
        except (asyncio.CancelledError, ConnectionError):
            # Unless the weather dropped it, the client has gone before the answer.
            if told["end"] == "answered":
                told["end"] = "left"
            raise
        finally:
            usage = told.get("usage", {}) if told["end"] == "answered" else {}
            accounts.ended(kind, told["end"], usage)
            self.shared.log.write(
                {"port": self.port, "kind": kind, "begun": begun, "ended": time.time(), **told, "body": body}
            )

    async def _met(
        self, request: web.Request, body: dict[str, Any], question: Question, told: dict[str, Any]
    ) -> web.StreamResponse:
        """What this coming of the request meets; says in `told` how it ended."""
        if refusal := self._gate(request) or self._refusal(body):
            told["end"] = f"status {refusal.status}"
            return refusal
        asked = digest(body)
        fault = self.shared.sky.fault(asked)
        if fault in ("busy", "error", "hanging") or (fault == "dropped" and not self.shared.sky.late(asked)):
            told["end"] = fault
            return await self._fault(fault, request)
        turn = self.shared.turns.take(asked)
        done = False
        try:
            answer = self._answered(body, question, asked, turn)
            if isinstance(answer, web.Response):
                told["end"] = f"status {answer.status}"
                return answer
            words = f"{asked} {turn}"
            if body.get("stream") and not fault:
                response = await self._streamed(request, body, answer, words)
            else:
                async with self.engine.slot():
                    await self.engine.pace.prefill(words, answer.usage["prompt_tokens"])
                    await self.engine.pace.decode(words, answer.tokens, answer.tokens)
                if fault:
                    told["end"] = fault
                    return await self._fault(fault, request, answer.completion())
                response = web.json_response(answer.completion())
                # Sent from here, so that an answer which nobody took counts as none.
                await response.prepare(request)
                await response.write_eof()
            told.update(
                end="answered",
                usage=answer.usage,
                turn=turn,
                choices=[astuple(choice) for choice in answer.choices],
            )
            done = True
            return response
        finally:
            if not done:
                self.shared.turns.give_back(asked, turn)

    def _gate(self, request: web.Request) -> web.Response | None:
        if self.loading:
            return error(503, "The model is loading", "ServiceUnavailableError")
        given = request.headers.get("Authorization", "")
        revoked, answered = self.manners.revoked_after, self.shared.accounts.answered
        wrong = self.manners.api_key and given != f"Bearer {self.manners.api_key}"
        if wrong or (revoked is not None and answered >= revoked):
            return web.json_response({"error": "Unauthorized"}, status=401)
        return None

    def _refusal(self, body: Mapping[str, Any]) -> web.Response | None:
        if body.get("model") not in self.manners.models:
            return error(404, f"The model `{body.get('model')}` does not exist.", "NotFoundError")
        if "response_format" in body and self.manners.schemas == "refuse":
            return error(400, "response_format is not supported", "BadRequestError")
        most = most_tokens(body)
        if most is not None and most < 1:
            return error(400, f"max_tokens must be at least 1, got {most}.", "BadRequestError")
        if most is not None and self.manners.context is not None and most > self.manners.context:
            return error(
                400,
                f"'max_tokens' or 'max_completion_tokens' is too large: {most}. This model's maximum context "
                f"length is {self.manners.context} tokens.",
                "BadRequestError",
            )
        return None

    def _answered(
        self, body: Mapping[str, Any], question: Question, asked: str, turn: int
    ) -> Answer | web.Response:
        prompt = [token for m in body["messages"] for token in ("<|role|>", *tokens.split(text_of(m)))]
        context, most = self.manners.context, most_tokens(body)
        if context is not None and len(prompt) + (most or 1) > context:
            return error(
                400,
                f"This model's maximum context length is {context} tokens. However, you requested "
                f"{len(prompt) + (most or 1)} tokens ({len(prompt)} in the messages, {most or 1} in the "
                "completion). Please reduce the length of the messages or completion.",
                "BadRequestError",
            )
        if most is None and context is not None:
            most = context - len(prompt)
        if self.manners.schemas == "ignore":
            question = Question(question.model, question.messages, None)
        choices, written, thought = [], 0, 0
        for number in range(int(body.get("n") or 1)):
            reply: Reply = self.shared.stand_in.reply(question, asked, turn, number)
            thoughts = tokens.count(reply.reasoning)
            left = None if most is None else max(0, most - thoughts)
            text, length, finish = cut(reply.text, left, reply.runs_on)
            choices.append(Choice(text, reply.reasoning, finish))
            written, thought = written + thoughts + length, thought + thoughts
        usage = {
            "prompt_tokens": len(prompt),
            "completion_tokens": written,
            "cached_tokens": self.cache.known(prompt),
            "reasoning_tokens": thought,
        }
        name = f"chatcmpl-{asked[:16]}-{turn}"
        return Answer(name, str(body["model"]), tuple(choices), usage, self.manners.reasoning_field)

    async def _streamed(
        self, request: web.Request, body: Mapping[str, Any], answer: Answer, words: str
    ) -> web.StreamResponse:
        """Server-sent events: the first token, then the rest in parts, at the engine's pace."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})

        async def send(part: dict[str, Any]) -> None:
            await response.write(f"data: {json.dumps(part)}\n\n".encode())

        async with self.engine.slot():
            await self.engine.pace.prefill(words, answer.usage["prompt_tokens"])
            await response.prepare(request)
            for i, choice in enumerate(answer.choices):
                first = {"role": "assistant", "content": "", **answer.thoughts(choice)}
                await send(answer.chunk(i, first))
                pieces = tokens.split(choice.text)
                size = max(1, -(-len(pieces) // CHUNKS))
                for start in range(0, len(pieces), size):
                    part = pieces[start : start + size]
                    await self.engine.pace.decode(words, len(part), max(1, answer.tokens))
                    await send(answer.chunk(i, {"content": "".join(part)}))
                await send(answer.chunk(i, {}, choice.finish_reason))
        if (body.get("stream_options") or {}).get("include_usage"):
            await send(answer.usage_chunk())
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _fault(
        self, fault: str, request: web.Request, completion: dict[str, Any] | None = None
    ) -> web.StreamResponse:
        if fault == "busy":
            headers = {"Retry-After": self.shared.sky.weather.retry_after}
            return error(429, "Too many requests", "RateLimitError", headers)
        if fault == "error":
            return error(500, "The engine stumbled", "InternalServerError")
        if fault == "broken":
            whole = json.dumps(completion)
            return web.Response(text=whole[: len(whole) // 2], content_type="application/json")
        if fault == "hanging":
            await asyncio.sleep(24 * 3600)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
