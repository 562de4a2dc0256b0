"""One server as this process knows it: an endpoint with its bound, its observed speed and its health."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from codeseq_ray.llm.endpoint import Endpoint
from codeseq_ray.llm.health import (
    DOUBTS,
    TRIAL_SECONDS,
    TRIED_AT_ONCE,
    Health,
    State,
    absent,
    in_words,
    wait_before_probe,
)
from codeseq_ray.llm.limit import Limit
from codeseq_ray.llm.speed import Speed
from codeseq_ray.llm.troubles import PASSING, Kind, Trouble, recognise
from codeseq_ray.ports import ChatAnswer

log = logging.getLogger(__name__)

Notice = Callable[[str], None]
BodyFor = Callable[[int | None], Mapping[str, Any]]
"""From a context length to the request that fits it."""

REMIND_SECONDS = 300.0
DOUBT_SECONDS = 0.2
FOLLOW_SECONDS = 1.0
_turns = itertools.count(1)


class Queue(Protocol):
    """Requests that wait for a slot at one of several servers."""

    def first(self) -> int | None:
        """Ticket of the one that has waited longest; None when nobody waits."""

    def serve_first(self) -> None:
        """Give it a slot."""

    def lose_patience(self) -> None:
        """End the waiting of all if the run is to end, or no server has been up for too long."""


@dataclass
class Slot:
    """The right to have one request out at a server, and what was known when it was given."""

    server: Server
    halvings: int
    spell: int
    timeouts: int
    was_up: bool

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        self.server.take_back(self)


class Server:
    """Sends requests to one endpoint and learns from what becomes of them.

    Roles that share a server share this object. Belongs to one event loop at a time; can be pickled before use.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        in_flight: int = 64,
        timeout_seconds: float = 600.0,
        follow_engine_queue: bool = False,
        notice: Notice = log.warning,
    ) -> None:
        self.endpoint = endpoint
        self.limit = Limit(in_flight)
        self.speed = Speed(timeout_seconds)
        self.health = Health()
        self.queues: list[Queue] = []
        self.notice = notice
        self.turn = 0
        """When it was last given a request, in turns of all servers."""
        self._follows = follow_engine_queue
        self._models: dict[str, int | None] | None = None
        self._probes = 0
        self._not_before = 0.0
        self._on_trial = 0
        # What runs beside the requests, on the loop of the present connection.
        self._listing: asyncio.Task[dict[str, int | None]] | None = None
        self._doubt: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._follow: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Server({self.endpoint.url!r}, {self.health.state}, {self.limit.open}/{self.limit.bound})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_listing": None, "_doubt": None, "_watch": None, "_follow": None}

    # ------------------------------------------------------------------------------------------- slots

    @property
    def has_room(self) -> bool:
        if self.health.state is State.BACK:
            # What was sent before the outage may hang in a dead connection; it does not bar the trial.
            return self._on_trial < TRIED_AT_ONCE
        return self.health.state is State.UP and self.limit.has_room()

    def take(self) -> Slot:
        self.turn = next(_turns)
        up = self.health.state is State.UP
        self._on_trial += not up
        return Slot(self, self.limit.take(), self.health.spell, self.speed.timeouts, up)

    def take_back(self, slot: Slot) -> None:
        self.limit.give_back()
        self._on_trial -= not slot.was_up
        self.offer()

    def offer(self) -> None:
        """Give what room there is to those that have waited longest, whichever role they are of."""
        while self.has_room:
            waiting = [(ticket, queue) for queue in self.queues if (ticket := queue.first()) is not None]
            if not waiting:
                return
            min(waiting, key=lambda pair: pair[0])[1].serve_first()

    # ---------------------------------------------------------------------------------------- requests

    async def ask(self, slot: Slot, model: str, body_for: BodyFor) -> ChatAnswer | Trouble:
        """Send one request in this slot. Trouble of the server or the line is returned, never raised."""
        if self._follows and (self._follow is None or self._follow.done()):
            self._follow = asyncio.create_task(self._follow_engine_queue())
        seconds = trial = None
        try:
            if self.health.state is State.BACK:
                trial = asyncio.get_running_loop().call_later(TRIAL_SECONDS, self._replied, slot)
            body = body_for(await self._context_length(model))
            seconds = self.speed.timeout_seconds(body["max_tokens"])
            answer = await self.endpoint.complete(body, seconds)
        except Exception as error:
            trouble = recognise(error)
            if trouble is None:
                raise
            if trouble.kind is Kind.TIMEOUT and seconds is not None:
                self.speed.timed_out(slot.timeouts)
            self._learn(trouble, slot)
            return trouble
        finally:
            if trial is not None:
                trial.cancel()
        self.limit.answered()
        self.speed.answered(answer.completion_tokens, answer.seconds)
        self._replied(slot)
        return answer

    async def is_gone(self, trouble: Trouble, slot: Slot) -> bool:
        """Was the trouble met because the server is down? Asks for its list of models where that is in doubt."""
        if not (absent(trouble) or trouble.kind is Kind.TIMEOUT):
            return self.health.state is State.DOWN and trouble.asks_for_a_pause
        if self.health.spell == slot.spell:
            if self._doubt is None or self._doubt.done():
                self._doubt = asyncio.create_task(self._settle_doubt(trouble))
            await asyncio.shield(self._doubt)
        return self.health.spell != slot.spell

    def _learn(self, trouble: Trouble, slot: Slot) -> None:
        if trouble.kind is Kind.BUSY:
            self.limit.refused(slot.halvings)
        if trouble.asks_for_a_pause:
            self._not_before = time.monotonic() + (trouble.retry_after or 0.0)
            self._go_down(trouble)
        elif absent(trouble):
            was_up = self.health.state is State.UP
            if self.health.met_absence(trouble, slot.spell, time.monotonic()):
                self._went_down(was_up)
        elif trouble.kind is not Kind.TIMEOUT:
            self._replied(slot)

    def _replied(self, slot: Slot) -> None:
        if self.health.replied(slot.spell):
            self._probes = 0
            away = time.monotonic() - self.health.down_since
            self.notice(f"{self.endpoint.url} is back after {in_words(away)}")
            self.offer()

    async def _context_length(self, model: str) -> int | None:
        """As `/models` says, asked once for all who wait for it; None where it does not say."""
        if self._models is None:
            if self._listing is None or self._listing.done():
                self._listing = asyncio.create_task(self._list())
            # One who gives up waiting must not take the answer from the others.
            self._models = await asyncio.shield(self._listing)
        return self._models.get(model)

    async def _list(self) -> dict[str, int | None]:
        try:
            return await self.endpoint.models()
        except Exception as error:
            trouble = recognise(error)
            if trouble is not None and trouble.status in (404, 405):
                # A server without a list of models may still serve one.
                return {}
            raise

    # ------------------------------------------------------------------------------------------ health

    def _go_down(self, trouble: Trouble) -> None:
        was_up = self.health.state is State.UP
        self.health.goes_down(trouble, time.monotonic())
        self._went_down(was_up)

    def _went_down(self, was_up: bool) -> None:
        if was_up:
            self.notice(
                f"{self.endpoint.url} is down ({self.cause}); what it was asked goes to another server of the "
                "role, or waits (--endpoint-patience-minutes)"
            )
        self.keep_watch()

    def keep_watch(self) -> None:
        """See to it that a server that is down is noticed when it comes back."""
        if self.health.state is State.DOWN and (self._watch is None or self._watch.done()):
            self._watch = asyncio.create_task(self._probe_until_it_answers())

    async def _probe_until_it_answers(self) -> None:
        reminded = time.monotonic()
        while self.health.state is State.DOWN:
            await asyncio.sleep(wait_before_probe(self._probes))
            self._probes += 1
            now = time.monotonic()
            try:
                if now >= self._not_before and await self._probe() is None:
                    self.health.probed()
                    self.offer()
                    return
                for queue in self.queues:
                    queue.lose_patience()
                if now - reminded >= REMIND_SECONDS:
                    reminded = now
                    away = in_words(now - self.health.down_since)
                    self.notice(f"{self.endpoint.url} has been down for {away} ({self.cause})")
            except Exception:
                # All who wait hang on this task: nothing else ends their waiting.
                log.exception("the watch of %s met what it does not know, and goes on", self.endpoint.url)

    async def _settle_doubt(self, trouble: Trouble) -> None:
        spell = self.health.spell
        for probe in range(DOUBTS):
            if probe:
                await asyncio.sleep(DOUBT_SECONDS * random.uniform(0.5, 1.0))
            if self.health.spell != spell or await self._probe() is None:
                return
        if self.health.spell == spell and self.health.state is not State.DOWN:
            self._go_down(trouble)

    async def _probe(self) -> Trouble | None:
        """Ask for the list of models; None when somebody answers. Never raises: the watch depends on it."""
        try:
            self._models = await self.endpoint.models()
        except Exception as error:
            trouble = recognise(error)
            if trouble is None:
                log.exception("the list of models of %s cannot be read", self.endpoint.url)
                return Trouble(Kind.SERVER, f"{type(error).__name__}: {error}")
            if trouble.status in (404, 405):
                # A gateway that has forgotten its models is still starting; another server never had a list.
                return trouble if self._models else None
            return trouble if trouble.kind in PASSING - {Kind.BUSY} else None
        return None

    @property
    def cause(self) -> str:
        """Why it is taken for down, in words fit to be shown."""
        cause = self.health.cause
        if cause is None:
            return "for no known reason"
        status = f" {cause.status}" if cause.status else ""
        return f"{cause.kind.value}{status}: {self.endpoint.public(cause.text)}"

    # ------------------------------------------------------------------------------- the engine's queue

    async def _follow_engine_queue(self) -> None:
        while self._follows:
            await asyncio.sleep(FOLLOW_SECONDS * random.uniform(0.8, 1.2))
            if self.health.state is not State.UP:
                continue
            try:
                queue = await self.endpoint.engine_queue()
            except Exception as error:
                trouble = recognise(error)
                if trouble is None:
                    raise
                if trouble.kind in PASSING:
                    continue
                queue = None
            if queue is None:
                self._follows = False
                self.notice(
                    f"{self.endpoint.url} shows no vLLM metrics beside it: its queue cannot be followed; up to "
                    f"{self.limit.most} requests are out there"
                )
                return
            self.limit.follow(queue.running, queue.waiting)
            self.offer()

    # -------------------------------------------------------------------------------------------- end

    async def close(self) -> None:
        """Stop what runs beside the requests and close the connection; a later request opens a new one."""
        tasks = [t for t in (self._listing, self._doubt, self._watch, self._follow) if t and not t.done()]
        self._listing = self._doubt = self._watch = self._follow = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.endpoint.close()
