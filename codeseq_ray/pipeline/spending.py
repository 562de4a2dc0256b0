"""What a run pays for, and the caps on it.

A loop actor counts what it sends and what it is answered (`Meter`), and once a second tells the run's `Monitor` its
totals and learns those of the others. No request is sent once the caps are reached as far as the actor knows: what a
cap can be passed by is what was in flight, and what other actors spent within that second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import CapReachedError
from codeseq_ray.ports import ChatAnswer, ChatClient, ChatRequest
from codeseq_ray.watching.standing import Spent


@dataclass(frozen=True)
class Caps:
    """Bounds that end a run cleanly. `tokens` and `requests` hold for all starts of a run together."""

    tokens: int | None = None
    requests: int | None = None
    until: float | None = None
    """Wall-clock time (seconds since 1970)."""
    minutes: float | None = None
    """What `until` was made of, for the message."""

    def reached(self, spent: Spent) -> str:
        """Which cap is reached, in words; empty while none is."""
        if self.tokens is not None and spent.tokens >= self.tokens:
            return f"--cap-tokens {self.tokens} is reached"
        if self.requests is not None and spent.requests >= self.requests:
            return f"--cap-requests {self.requests} is reached"
        if self.until is not None and time.time() >= self.until:
            return f"--cap-minutes {self.minutes:g} is reached"
        return ""


class Meter:
    """One actor's account."""

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.own = Spent()
        self.others = Spent()

    def stopped(self) -> CapReachedError | None:
        """The cap that is reached, if one is."""
        reached = self.caps.reached(self.own + self.others)
        return CapReachedError(reached) if reached else None

    def before_sending(self) -> None:
        """Count a request. Raises CapReachedError instead when nothing more may be spent."""
        if reached := self.stopped():
            raise reached
        self.own += Spent(requests=1)


class MeteredClient:
    """ports.ChatClient that counts the tokens of what is answered."""

    def __init__(self, behind: ChatClient, meter: Meter) -> None:
        self.model = behind.model
        self._behind = behind
        self._meter = meter

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        answer = await self._behind.chat(request)
        reach(CrashPoint.ANSWERED)
        self._meter.own += Spent(tokens=answer.prompt_tokens + answer.completion_tokens)
        return answer

    async def close(self) -> None:
        await self._behind.close()
