"""Settings → the models that are asked, each with its servers and a client."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codeseq_ray.errors import RunStoppedError, UsageError
from codeseq_ray.llm.client import OpenAIChatClient
from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.observing import Observer
from codeseq_ray.llm.pool import Pool
from codeseq_ray.llm.server import Notice, Server
from codeseq_ray.llm.settings import ServerSettings

log = logging.getLogger(__name__)

AGENTS = ("generator", "verifier")
POLICY = ("policy",)


@dataclass(frozen=True)
class Role:
    """Where one of the models is."""

    name: str
    urls: tuple[str, ...]
    model: str
    endpoints: tuple[Endpoint, ...]
    revision: str | None


def roles(settings: ServerSettings, names: Sequence[str] = AGENTS) -> tuple[Role, ...]:
    """These roles' models; equal URL and key are one `Endpoint` object. UsageError names missing settings."""
    missing = ", ".join(
        f"--{role}-{what}"
        for role in names
        for what in ("url", "model")
        if getattr(settings, f"{role}_{what}") is None
    )
    if missing:
        raise UsageError(f"to ask models needs {missing}: the base URL and the model's name there")
    known: dict[tuple[str, str], Endpoint] = {}

    def role(name: str) -> Role:
        urls: tuple[str, ...] = getattr(settings, f"{name}_url")
        key = getattr(settings, f"{name}_api_key")
        secret = key.get_secret_value() if key else ""
        endpoints = tuple(known.setdefault((url, secret), Endpoint(url, key)) for url in urls)
        model, revision = getattr(settings, f"{name}_model"), getattr(settings, f"{name}_revision")
        return Role(name, urls, model, endpoints, revision)

    return tuple(role(name) for name in names)


def clients(
    settings: ServerSettings,
    names: Sequence[str] = AGENTS,
    *,
    notice: Notice = log.warning,
    before_sending: Callable[[], None] | None = None,
    stopped: Callable[[], RunStoppedError | None] | None = None,
    observer: Observer | None = None,
) -> tuple[OpenAIChatClient, ...]:
    """A client for each role; roles on one endpoint share its slots, health and speed.

    Nothing is opened before the first request, which decides the event loop. `notice` gets the lines for the user
    about servers that go down and come back. `stopped` tells requests that wait for a slot, while a server is
    down, that the run is to end (`Pool`). What is given must be picklable if the clients are to be. Raises
    UsageError naming the settings that are missing.
    """
    servers: dict[Endpoint, Server] = {}

    def client(role: Role) -> OpenAIChatClient:
        for endpoint in role.endpoints:
            if endpoint not in servers:
                servers[endpoint] = Server(
                    endpoint,
                    in_flight=settings.requests_in_flight,
                    timeout_seconds=settings.request_timeout_seconds,
                    follow_engine_queue=settings.follow_engine_queue,
                    notice=notice,
                )
        pool = Pool(
            role.name,
            [servers[endpoint] for endpoint in role.endpoints],
            patience_seconds=60 * settings.endpoint_patience_minutes,
            stopped=stopped,
        )
        return OpenAIChatClient(
            pool,
            role.model,
            revision=role.revision,
            retries=settings.request_retries,
            before_sending=before_sending,
            observer=observer,
        )

    return tuple(client(role) for role in roles(settings, names))
