"""The engine: so many slots, a silent queue before them, and latency as continuous batching gives it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from tests.model_server.accounts import Accounts
from tests.model_server.draws import chance


class Pace(Protocol):
    """How long a request takes in its slot. `words` name the request: what is drawn is drawn by them."""

    async def prefill(self, words: str, tokens: int) -> None: ...

    async def decode(self, words: str, tokens: int, of: int) -> None:
        """Wait for so many of the answer's `of` tokens."""
        ...


class Batching:
    """Time to the first token, then tokens at one pace for all, which falls with the number of those who decode.

    All who decode get a token per step, so one counter serves them all: a request that begins at count c ends when
    it reaches c + its tokens.
    """

    def __init__(
        self,
        first_token: float = 0.01,
        per_prompt_token: float = 0.0,
        per_token: float = 0.0002,
        crowding: float = 0.02,
    ) -> None:
        """Seconds. With r requests decoding, a step takes `per_token` * (1 + `crowding` * (r - 1))."""
        self._first_token, self._per_prompt_token = first_token, per_prompt_token
        self._per_token, self._crowding = per_token, crowding
        self._steps = 0.0
        self._at = 0.0
        self._ends: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def prefill(self, words: str, tokens: int) -> None:
        await asyncio.sleep(self._first_token + self._per_prompt_token * tokens)

    async def decode(self, words: str, tokens: int, of: int) -> None:
        self._go_on()
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._steps + tokens, next(self._numbers), end)
        heapq.heappush(self._ends, entry)
        self._arm()
        try:
            await end
        except asyncio.CancelledError:
            if entry in self._ends:
                self._go_on()
                self._ends.remove(entry)
                heapq.heapify(self._ends)
                self._arm()
            raise

    def _step_seconds(self) -> float:
        return max(1e-9, self._per_token * (1 + self._crowding * max(0, len(self._ends) - 1)))

    def _go_on(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._ends:
            self._steps += (now - self._at) / self._step_seconds()
        self._at = now

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ends:
            wait = max(0.0, self._ends[0][0] - self._steps) * self._step_seconds()
            self._timer = asyncio.get_running_loop().call_later(wait, self._finish)

    def _finish(self) -> None:
        self._go_on()
        # A hair of tolerance: the clock may wake us a rounding error early.
        while self._ends and self._ends[0][0] <= self._steps + 1e-6:
            end = heapq.heappop(self._ends)[2]
            if not end.done():
                end.set_result(None)
        self._arm()


@dataclass(frozen=True)
class LogNormal:
    """The whole answer takes a drawn time, whoever else is running: for benchmarks, where work must be equal."""

    median: float = 0.5
    sigma: float = 0.8

    def seconds(self, words: str) -> float:
        at = min(max(chance("latency", words), 1e-9), 1 - 1e-9)
        return self.median * math.exp(self.sigma * NormalDist().inv_cdf(at))

    async def prefill(self, words: str, tokens: int) -> None:
        return None

    async def decode(self, words: str, tokens: int, of: int) -> None:
        await asyncio.sleep(self.seconds(words) * tokens / max(1, of))


class Engine:
    """Slots in the order of arrival. `running` and `waiting` are what `/metrics` tells of vLLM."""

    def __init__(self, slots: int, pace: Pace, accounts: Accounts) -> None:
        self.slots, self.pace = slots, pace
        self.running = self.waiting = 0
        self._accounts = accounts
        self._free = asyncio.Semaphore(slots)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        self.waiting += 1
        self._accounts.queued(+1)
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
            self._accounts.queued(-1)
        self.running += 1
        self._accounts.running(+1)
        try:
            yield
        finally:
            self.running -= 1
            self._accounts.running(-1)
            self._free.release()
