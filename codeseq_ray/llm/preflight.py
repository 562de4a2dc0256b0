"""Before a run: do the servers answer, have they the models, do they take JSON schemas? At most 10 seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codeseq_ray.errors import EndpointRefusedError, UsageError
from codeseq_ray.llm.client import refused, response_format
from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.roles import AGENTS, Role, roles
from codeseq_ray.llm.settings import ServerSettings
from codeseq_ray.llm.troubles import PASSING, Kind, Trouble, recognise

LISTING_SECONDS = 5.0
AGAIN_SECONDS = 0.5
SCHEMA_SECONDS = 4.0
"""With LISTING_SECONDS, 9 of the 10 that a preflight may take."""
SCHEMA = {
    "type": "object",
    "properties": {"ready": {"type": "boolean"}},
    "required": ["ready"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class _Listing:
    """What a server said when asked for its models: the models, or why not."""

    endpoint: Endpoint
    models: frozenset[str] | None
    trouble: Trouble | None = None

    @property
    def starting(self) -> bool:
        """It answers that it cannot yet: somebody is there."""
        return self.trouble is not None and (self.trouble.status == 429 or (self.trouble.status or 0) >= 500)

    def __str__(self) -> str:
        trouble = self.trouble or Trouble(Kind.TIMEOUT, "no answer in time")
        status = f" {trouble.status}" if trouble.status else ""
        return f"{self.endpoint.url} does not answer ({trouble.kind.value}{status}: \
{self.endpoint.public(trouble.text)})"


async def preflight(
    settings: ServerSettings, names: Sequence[str] = AGENTS, *, schemas: bool = True
) -> tuple[str, ...]:
    """Check the roles' servers side by side; returns warnings, one sentence or two each. Answers of a given shape
    are tried where `schemas` will be asked for.

    Raises UsageError when settings are missing or no server of a role answers (a warning with `await_endpoints`),
    EndpointRefusedError when a key is refused or a model is not there. A server that answers 503 is starting: the
    run may begin, and waits for it.
    """
    asked_of = roles(settings, names)
    endpoints = {endpoint for role in asked_of for endpoint in role.endpoints}
    try:
        found = await asyncio.gather(*(_listing(endpoint) for endpoint in endpoints))
        listings = {listing.endpoint: listing for listing in found}
        warnings = _same_model(asked_of)
        for role in asked_of:
            warnings += _availability(role, listings, settings.await_endpoints)
        asked = [(role, ready) for role in asked_of if schemas and (ready := _ready(role, listings))]
        said = await asyncio.gather(*(_takes_schemas(role, endpoint) for role, endpoint in asked))
        warnings += [warning for warning in said if warning]
    finally:
        await asyncio.gather(*(endpoint.close() for endpoint in endpoints))
    return tuple(dict.fromkeys(warnings))


async def _listing(endpoint: Endpoint) -> _Listing:
    trouble: Trouble | None = None
    try:
        async with asyncio.timeout(LISTING_SECONDS):
            while True:
                try:
                    return _Listing(endpoint, frozenset(await endpoint.models()))
                except Exception as error:
                    trouble = recognise(error)
                    if trouble is None:
                        raise
                    if trouble.kind not in PASSING:
                        return _Listing(endpoint, None, trouble)
                await asyncio.sleep(AGAIN_SECONDS)
    except TimeoutError:
        return _Listing(endpoint, None, trouble)


def _availability(role: Role, listings: dict[Endpoint, _Listing], wait: bool) -> list[str]:
    warnings = []
    usable = False
    for endpoint in role.endpoints:
        listing = listings[endpoint]
        trouble = listing.trouble
        if listing.models is not None:
            if role.model not in listing.models:
                raise EndpointRefusedError(
                    f"{endpoint.url} does not serve model {role.model!r}. It serves: "
                    f"{', '.join(sorted(listing.models)[:10]) or 'none'}.\n"
                    f"Set --{role.name}-model to one of these, or start a server for it."
                )
            usable = True
        elif trouble is not None and trouble.status in (404, 405):
            usable = True
            warnings.append(
                f"{endpoint.url} has no list of models: whether it has {role.model!r} is not known."
            )
        elif trouble is not None and trouble.kind is Kind.REFUSED:
            raise refused(endpoint, role.model, trouble)
        elif listing.starting:
            usable = True
            warnings.append(f"{listing}: it seems to be starting. Its requests wait until it is up.")
        else:
            warnings.append(f"{listing}. Its requests go to the {role.name}'s other servers, or wait.")
    if not usable and not wait:
        raise UsageError(
            f"no server of the {role.name} can be reached:\n"
            + "\n".join(f"  {listings[endpoint]}" for endpoint in role.endpoints)
            + f"\nStart the model server, correct --{role.name}-url, or give --await-endpoints to begin and wait."
        )
    return warnings


def _same_model(asked_of: Sequence[Role]) -> list[str]:
    if len(asked_of) < 2:
        return []
    generator, verifier = asked_of
    if generator.model != verifier.model or not set(generator.urls) & set(verifier.urls):
        return []
    return [
        f"Generator and verifier are the same model ({generator.model}): it will check its own work, and share "
        "its own mistakes. Another verifier finds more."
    ]


def _ready(role: Role, listings: dict[Endpoint, _Listing]) -> Endpoint | None:
    """A server to try a tiny request on: one that lists the model, or one that has no list to say so."""
    listing = [e for e in role.endpoints if role.model in (listings[e].models or ())]
    silent = [e for e in role.endpoints if (t := listings[e].trouble) and t.status in (404, 405)]
    return next(iter((*listing, *silent)), None)


async def _takes_schemas(role: Role, endpoint: Endpoint) -> str | None:
    """A warning, unless a tiny answer of a given shape came."""
    body: dict[str, Any] = {
        "model": role.model,
        "messages": [{"role": "user", "content": 'Answer {"ready": true}'}],
        "max_tokens": 16,
        "temperature": 0.0,
        "response_format": response_format(SCHEMA),
    }
    who = f"The {role.name} {role.model!r} at {endpoint.url}"
    try:
        answer = await endpoint.complete(body, SCHEMA_SECONDS)
    except Exception as error:
        trouble = recognise(error)
        if trouble is None:
            raise
        if trouble.kind is Kind.REFUSED:
            raise refused(endpoint, role.model, trouble) from None
        said = f"{trouble.kind.value}: {endpoint.public(trouble.text)}"
        if trouble.kind is Kind.BAD_REQUEST:
            return f"{who} does not take JSON schemas ({said}). Its answers are asked for and read without."
        return f"{who}: whether it takes JSON schemas was not checked; the server is busy or unwell ({said})."
    if answer.finish_reason == "stop" and not _fits(answer.text):
        return f"{who} takes JSON schemas but does not keep to them. Its answers are read tolerantly."
    return None


def _fits(text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, dict) and isinstance(value.get("ready"), bool)
