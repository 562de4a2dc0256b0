"""A request, and clients: of one server, or of several for two roles."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from pydantic import SecretStr

from codeseq_ray.errors import (
    RunStoppedError,
)
from codeseq_ray.llm.client import OpenAIChatClient
from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.pool import Pool
from codeseq_ray.llm.roles import clients
from codeseq_ray.llm.server import Server
from codeseq_ray.llm.settings import LLMSettings
from codeseq_ray.ports import ChatAnswer, ChatRequest

from .server import ModelServer

KEY = SecretStr("sk-very-secret-0123456789")


def request(
    text: str = "hello", *, max_tokens: int = 50, schema: dict[str, str] | None = None
) -> ChatRequest:
    return ChatRequest(({"role": "user", "content": text},), max_tokens, 0.5, schema)


def client_of(
    server: ModelServer,
    model: str = "generator",
    *,
    retries: int = 5,
    in_flight: int = 64,
    timeout: float = 20.0,
    key: SecretStr | None = None,
    revision: str | None = None,
    patience: float = 60.0,
    before_sending: Callable[[], None] | None = None,
) -> OpenAIChatClient:
    served = Server(Endpoint(server.url, key), in_flight=in_flight, timeout_seconds=timeout)
    pool = Pool("generator", [served], patience_seconds=patience)
    return OpenAIChatClient(pool, model, revision=revision, retries=retries, before_sending=before_sending)


@contextlib.asynccontextmanager
async def pair(
    generator: list[str],
    verifier: list[str] | None = None,
    *,
    notice: Callable[[str], None] = lambda line: None,
    in_flight: int = 16,
    patience_seconds: float = 60.0,
    retries: int = 5,
    stopped: Callable[[], RunStoppedError | None] | None = None,
) -> AsyncIterator[tuple[OpenAIChatClient, OpenAIChatClient]]:
    settings = LLMSettings(
        generator_url=tuple(generator),
        verifier_url=tuple(verifier or generator),
        generator_model="generator",
        verifier_model="verifier",
        requests_in_flight=in_flight,
        request_retries=retries,
        endpoint_patience_minutes=patience_seconds / 60,
    )
    both = clients(settings, notice=notice, stopped=stopped)
    try:
        yield both
    finally:
        await asyncio.gather(*(client.close() for client in both))


async def ask(client: OpenAIChatClient, count: int, text: str = "question") -> list[ChatAnswer]:
    return await asyncio.gather(*(client.chat(request(f"{text} {i}")) for i in range(count)))
