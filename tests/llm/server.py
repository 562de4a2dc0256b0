"""A model server for tests, which behaves like one: slots, a silent queue, latency, a context length, bad weather.

What it answers and what goes wrong is drawn by a hash of the request and of how often that request has come: the
same requests meet the same weather, and no test can plant an answer. Faults are met before the work, as with a
proxy in front, save broken JSON, which is a whole answer cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Weather:
    """Share of requests that meet each fault; the rest is answered."""

    busy: float = 0.0
    error: float = 0.0
    dropped: float = 0.0
    broken: float = 0.0
    not_json: float = 0.0
    unavailable: float = 0.0
    """503, as a proxy whose server is away says."""
    hanging: float = 0.0
    """Never answered."""
    aborted: float = 0.0
    """A piece of an answer that ends with `abort`, as vLLM says when it stops a request by itself."""
    blank: float = 0.0
    """An answer without text and without a reason."""
    retry_after: str = "0"
    faults_per_request: int = 1000
    """After so many faults the same request is answered."""


FAIR = Weather()


@dataclass
class ModelServer:
    models: tuple[str, ...] = ("generator", "verifier")
    slots: int = 16
    latency: float = 0.01
    context: int | None = 4096
    context_as_ray_serve: bool = False
    """The list of models tells the context as Ray Serve LLM does, not as vLLM."""
    api_key: str = ""
    schemas: bool = True
    lists_models: bool = True
    starts_after: float = 0.0
    """Seconds during which it answers 503, as a server that loads its weights behind a proxy."""
    lists: str | None = None
    """What it says in place of a list of models, with status 200: JSON."""
    undercounts: int = 0
    """Tokens of the prompt that its usage leaves out."""
    weather: Weather = FAIR
    lists_in_bad_weather: float = 0.0
    """Share of the questions for the list of models whose connection is dropped."""
    dies_of: str = ""
    """A request with this text takes it down for `death_seconds`: it drops every connection."""
    death_seconds: float = 0.3
    names_the_prompt: str = ""
    """Words after the number of the prompt's tokens in the 400 for a context that is too short; none: not said."""
    obeys_schemas: bool = True
    """Does an answer that is asked for by a schema keep to it?"""
    wordy: bool = True
    """Are answers up to 400 words long, or one?"""
    echoes: str = ""
    """The model's name in answers, where it is not the one asked for."""
    counts_details: bool = False
    """Does the usage say which tokens came from a cache and which were thoughts?"""
    metrics: bool = False
    """Does it show vLLM's gauges?"""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of all chat requests, in the order of arrival."""
    arrivals: list[tuple[str, float]] = field(default_factory=list)
    """(request hash, time) of all chat requests."""
    outcomes: Counter[str] = field(default_factory=Counter)
    listings: int = 0
    most_open: int = 0
    abandoned: int = 0
    """Requests that the client left before the answer."""
    in_engine: int = 0
    queued: int = 0
    seen: list[tuple[int, int]] = field(default_factory=list)
    """(requests that run, requests in the engine's queue) at each arrival."""
    deaths: int = 0
    _dies_at: float = float("-inf")
    _open: int = 0
    _seen: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def _dead(self) -> bool:
        return asyncio.get_running_loop().time() < self._dies_at + self.death_seconds

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[ModelServer]:
        app = web.Application()
        app.router.add_get("/v1/models", self._list)
        if self.metrics:
            app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        loop = asyncio.get_running_loop()
        self._free = asyncio.Semaphore(self.slots)
        self._ready_at = loop.time() + self.starts_after
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _list(self, request: web.Request) -> web.StreamResponse:
        self.listings += 1
        chance = int(hashlib.sha256(f"list {self.listings}".encode()).hexdigest()[:8], 16) / 0x1_0000_0000
        if self._dead or chance < self.lists_in_bad_weather:
            return await self._meet("dropped", request)
        if refusal := self._gate(request):
            return refusal
        if self.lists is not None:
            return web.Response(text=self.lists, content_type="application/json")
        if not self.lists_models:
            return _error(404, "Not Found")
        extra: dict[str, Any] = {} if self.context is None else {"max_model_len": self.context}
        if self.context_as_ray_serve:
            extra = {"metadata": {"max_request_context_length": self.context}}
        return web.json_response(
            {"object": "list", "data": [{"id": m, "object": "model", **extra} for m in self.models]}
        )

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        """As vLLM's, with the engine's requests under two labels."""
        labels = [(f'{{engine="{i}",model_name="generator"}}', i) for i in range(2)]
        return web.Response(
            text="# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
            "# TYPE vllm:num_requests_running gauge\n"
            + "".join(f"vllm:num_requests_running{n} {(self.in_engine + i) // 2}.0\n" for n, i in labels)
            + "# TYPE vllm:num_requests_waiting gauge\n"
            + "".join(f"vllm:num_requests_waiting{n} {(self.queued + i) // 2}.0\n" for n, i in labels)
            + 'vllm:num_requests_waiting_by_reason{reason="capacity"} 99.0\n'
        )

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            return await self._answer(request)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            self._open -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        self.asked.append(body)
        self.arrivals.append((digest, asyncio.get_running_loop().time()))
        if self.dies_of and self.dies_of in body["messages"][-1]["content"]:
            self.deaths += 1
            self._dies_at = asyncio.get_running_loop().time()
        if self._dead:
            return await self._meet("dropped", request)
        if refusal := self._gate(request):
            return refusal
        if body["model"] not in self.models:
            return _error(404, f"The model `{body['model']}` does not exist.")
        tokens = sum(len(m["content"].split()) for m in body["messages"])
        if self.context is not None and tokens + (body.get("max_tokens") or 1) > self.context:
            named = f" You sent {tokens} {self.names_the_prompt}." if self.names_the_prompt else ""
            return _error(400, f"This model's maximum context length is {self.context} tokens.{named}")
        if "response_format" in body and not self.schemas:
            return _error(400, "response_format is not supported")
        if fault := await self._fault(request, digest):
            return fault
        self.seen.append((self.in_engine, self.queued))
        self.queued += 1
        try:
            await self._free.acquire()
        finally:
            self.queued -= 1
        self.in_engine += 1
        try:
            died = self._dies_at
            await asyncio.sleep(self.latency * (0.5 + int(digest[:4], 16) / 0xFFFF))
            if self._dies_at != died:
                return await self._meet("dropped", request)
        finally:
            self.in_engine -= 1
            self._free.release()
        self.outcomes["answered"] += 1
        answer = completion(body, digest, tokens)
        if not self.wordy:
            answer["choices"][0]["message"]["content"] = digest[:12]
            answer["choices"][0]["finish_reason"] = "stop"
        if self.obeys_schemas and "response_format" in body:
            schema = body["response_format"]["json_schema"]["schema"]
            answer["choices"][0]["message"]["content"] = json.dumps(
                dict.fromkeys(schema.get("properties", {}), digest[0] < "8")
            )
        answer["usage"]["prompt_tokens"] -= self.undercounts
        if self.echoes:
            answer["model"] = self.echoes
        if self.counts_details:
            thought = answer["choices"][0]["message"].get("reasoning_content", "")
            answer["usage"]["prompt_tokens_details"] = {"cached_tokens": tokens - 1}
            answer["usage"]["completion_tokens_details"] = {"reasoning_tokens": len(thought.split())}
        return web.json_response(answer)

    async def _fault(self, request: web.Request, digest: str) -> web.StreamResponse | None:
        count = self._seen[digest]
        self._seen[digest] += 1
        if count >= self.weather.faults_per_request:
            return None
        chance = int(hashlib.sha256(f"{digest} {count}".encode()).hexdigest()[:8], 16) / 0x1_0000_0000
        for name in (
            "busy",
            "error",
            "dropped",
            "broken",
            "not_json",
            "unavailable",
            "hanging",
            "aborted",
            "blank",
        ):
            chance -= getattr(self.weather, name)
            if chance < 0:
                self.outcomes[name] += 1
                return await self._meet(name, request)
        return None

    async def _meet(self, name: str, request: web.Request) -> web.StreamResponse:
        if name == "busy":
            return _error(429, "Too many requests", {"Retry-After": self.weather.retry_after})
        if name == "unavailable":
            return _error(503, "no upstream")
        if name == "error":
            return _error(500, "The engine stumbled")
        if name == "broken":
            return web.Response(text='{"id": "x", "choices": [{"mess', content_type="application/json")
        if name == "not_json":
            return web.Response(text="<html>proxy</html>", content_type="text/html")
        if name in ("aborted", "blank"):
            text, end = ("So far", "abort") if name == "aborted" else ("", None)
            message = {"role": "assistant", "content": text}
            return web.json_response({"choices": [{"message": message, "finish_reason": end}], "usage": {}})
        if name == "hanging":
            await asyncio.sleep(3600)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _gate(self, request: web.Request) -> web.Response | None:
        if asyncio.get_running_loop().time() < self._ready_at:
            return _error(503, "loading")
        given = request.headers.get("Authorization", "")
        if self.api_key and given != f"Bearer {self.api_key}":
            # As some providers do, it says which key it refuses.
            return _error(401, f"Incorrect API key provided: {given.removeprefix('Bearer ')}")
        return None


def completion(body: dict[str, Any], digest: str, prompt_tokens: int) -> dict[str, Any]:
    """An answer whose text, length and way to end are drawn by the request's hash."""
    wanted = 1 + int(digest[4:8], 16) % 400
    written = min(wanted, body.get("max_tokens") or wanted)
    message: dict[str, Any] = {"role": "assistant", "content": f"{digest[:12]} " * written}
    if int(digest[8], 16) < 4:
        message["reasoning_content"] = f"thinking of {digest[:12]}"
    return {
        "id": f"chatcmpl-{digest[:12]}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {"index": 0, "message": message, "finish_reason": "stop" if written == wanted else "length"}
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": written,
            "total_tokens": prompt_tokens + written,
        },
    }


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(
        {"error": {"message": message, "type": "error", "code": status}}, status=status, headers=headers
    )
