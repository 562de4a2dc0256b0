"""The servers of one role: who gets the next request, and who waits."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from codeseq_ray.errors import EndpointsDownError, RunStoppedError
from codeseq_ray.llm.health import State, in_words
from codeseq_ray.llm.server import Server, Slot

_tickets = itertools.count()
"""One order for all pools of a process: a server that several share serves whoever has waited longest."""


@dataclass(frozen=True)
class _Waiting:
    ticket: int
    slot: asyncio.Future[Slot]
    avoid: Server | None


class Pool:
    """Hands out slots at the servers of one role, first come, first served.

    The least loaded server that is up gets the request. While none has room, or none is up, requests wait here;
    once none has been up for `patience_seconds` they get EndpointsDownError.

    `stopped` says whether the run is to end, and why: asked before a request waits, and at each probe of a server
    that is down (every 15 s at the latest), so that nobody waits for a server on behalf of a run that is over.
    """

    def __init__(
        self,
        role: str,
        servers: list[Server],
        *,
        patience_seconds: float = 3600.0,
        stopped: Callable[[], RunStoppedError | None] | None = None,
    ) -> None:
        self.role = role
        self.servers = servers
        self.patience_seconds = patience_seconds
        self._stopped = stopped
        self._queue: deque[_Waiting] = deque()
        for server in servers:
            server.queues.append(self)

    def __repr__(self) -> str:
        return f"Pool({self.role!r}, {self.servers!r})"

    async def slot(self, avoid: Server | None = None) -> Slot:
        """A slot, to be given back. `avoid` is taken only if no other server has room at that moment."""
        if self.first() is None and (server := self._least_loaded(avoid)):
            return server.take()
        if error := self._overdue():
            raise error
        for server in self.servers:
            server.keep_watch()
        waiting = _Waiting(next(_tickets), asyncio.get_running_loop().create_future(), avoid)
        self._queue.append(waiting)
        try:
            return await waiting.slot
        except asyncio.CancelledError:
            if waiting.slot.done() and not waiting.slot.cancelled() and not waiting.slot.exception():
                waiting.slot.result().give_back()
            raise

    def first(self) -> int | None:
        while self._queue and self._queue[0].slot.done():
            self._queue.popleft()
        return self._queue[0].ticket if self._queue else None

    def serve_first(self) -> None:
        if self.first() is not None and (server := self._least_loaded(self._queue[0].avoid)):
            self._queue.popleft().slot.set_result(server.take())

    def lose_patience(self) -> None:
        while self.first() is not None and (error := self._overdue()):
            self._queue.popleft().slot.set_exception(error)

    @property
    def waiting(self) -> int:
        """Requests without a slot."""
        return sum(not one.slot.done() for one in self._queue)

    async def close(self) -> None:
        """Close the servers that no request is using, or waiting for, just now."""
        idle = [s for s in self.servers if not s.limit.open and all(q.first() is None for q in s.queues)]
        await asyncio.gather(*(server.close() for server in idle))

    def _least_loaded(self, avoid: Server | None) -> Server | None:
        free = [server for server in self.servers if server.has_room]
        return min(free, key=lambda server: (server is avoid, server.limit.load, server.turn), default=None)

    def _overdue(self) -> RunStoppedError | None:
        if self._stopped is not None and (error := self._stopped()):
            return error
        if any(server.health.state is State.UP for server in self.servers):
            return None
        away = time.monotonic() - max(server.health.down_since for server in self.servers)
        if away < self.patience_seconds:
            return None
        down = "\n".join(f"  {server.endpoint.url}: {server.cause}" for server in self.servers)
        return EndpointsDownError(
            f"no server of the {self.role} has been up for {in_words(away)}:\n{down}\n"
            f"Start one of them, or give another --{self.role}-url. --endpoint-patience-minutes says how long a run "
            "waits."
        )
