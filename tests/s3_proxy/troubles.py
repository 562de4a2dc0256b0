"""What can go wrong with a request, and with which one it does."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Trouble(StrEnum):
    DELAY = "delay"
    """Carried out late."""
    BUSY = "busy"
    """503 SlowDown, not carried out."""
    FAILED = "failed"
    """500 InternalError, not carried out."""
    FAILED_AFTER = "failed-after"
    """500 InternalError, and carried out all the same."""
    CONFLICT = "conflict"
    """409 ConditionalRequestConflict, not carried out. Conditional puts only."""
    UNREACHED = "unreached"
    """The connection is reset before the request reached the server."""
    UNANSWERED = "unanswered"
    """The connection is closed after the server carried the request out: a lost reply."""
    CUT = "cut"
    """The answer's body breaks off in its middle."""
    FLIPPED_REQUEST = "flipped-request"
    """One bit of the request's body is another one when it reaches the server."""
    FLIPPED_ANSWER = "flipped-answer"
    """One bit of an object's body is another one when it reaches the client."""
    STALE = "stale"
    """An earlier answer to the same listing, if there was one."""


@dataclass(frozen=True)
class Asked:
    """What matters of a request."""

    method: str
    target: str
    """Path and query."""
    has_body: bool
    is_conditional: bool

    @property
    def is_listing(self) -> bool:
        return self.method == "GET" and "list-type=2" in self.target

    def may_meet(self, trouble: Trouble) -> bool:
        match trouble:
            case Trouble.CONFLICT:
                return self.method == "PUT" and self.is_conditional
            case Trouble.FLIPPED_REQUEST:
                return self.has_body
            case Trouble.CUT:
                return self.method == "GET"
            case Trouble.FLIPPED_ANSWER:
                return self.method == "GET" and not self.is_listing
            case Trouble.STALE:
                return self.is_listing
            case _:
                return True


@dataclass
class Command:
    """The next `times` requests with this method and this text in their target meet this trouble."""

    trouble: Trouble
    times: int = 1
    method: str = ""
    target: str = ""

    def meant(self, asked: Asked) -> bool:
        return (
            self.times > 0
            and self.method in ("", asked.method)
            and self.target in asked.target
            and asked.may_meet(self.trouble)
        )


@dataclass
class Troubles:
    """Safe to use from threads."""

    shares: Mapping[Trouble, float] = field(default_factory=dict)
    """Of the requests that can meet it, by trouble; together at most 1."""
    seed: int = 0

    def __post_init__(self) -> None:
        self._commands: list[Command] = []
        self._came: Counter[Asked] = Counter()
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def command(self, trouble: Trouble | str, times: int = 1, *, method: str = "", target: str = "") -> None:
        with self._lock:
            self._commands.append(Command(Trouble(trouble), times, method, target))

    def draw_from(self, shares: Mapping[Trouble, float], seed: int) -> None:
        """Other weather from now on; commands that nobody met are forgotten."""
        with self._lock:
            self.shares, self.seed = {Trouble(name): share for name, share in shares.items()}, seed
            self._commands.clear()
            self._came.clear()

    def meet(self, asked: Asked) -> Trouble | None:
        with self._lock:
            came = self._came[asked]
            self._came[asked] += 1
            for command in self._commands:
                if command.meant(asked):
                    command.times -= 1
                    return command.trouble
            digest = hashlib.sha256(f"{self.seed} {asked.method} {asked.target} {came}".encode()).digest()
            left = int.from_bytes(digest[:8], "big") / 2**64
            for trouble, share in self.shares.items():
                if asked.may_meet(trouble):
                    left -= share
                    if left < 0:
                        return trouble
            return None

    def count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    @property
    def counts(self) -> Counter[str]:
        """Requests, how many were passed on as they were, and how many met which trouble."""
        with self._lock:
            return Counter(self._counts)
