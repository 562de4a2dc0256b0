"""Bad weather: shares of requests that meet a fault, and times at which a server is not there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.model_server.draws import chance

KINDS = ("busy", "error", "dropped", "broken", "hanging")


@dataclass(frozen=True)
class Weather:
    """Shares of requests; the rest is answered."""

    busy: float = 0.0
    """429 with Retry-After."""
    error: float = 0.0
    """500."""
    dropped: float = 0.0
    """The connection is reset: half of them at once, half when the answer is due."""
    broken: float = 0.0
    """Status 200 and half of a JSON body, after all the work."""
    hanging: float = 0.0
    """Never answered."""
    retry_after: str = "0"
    most_faults: int | None = None
    """After so many faults the same request is answered; None: no such mercy."""


@dataclass(frozen=True)
class Outage:
    """When a server is away, in seconds."""

    refused_for: float = 0.0
    """At the start: nobody listens."""
    loading_for: float = 0.0
    """After that: everything answers 503."""
    down_for: float = 0.0
    """Connections are reset and refused, once"""
    down_after: int = 0
    """so many requests were answered (by all replicas together)."""


class Sky:
    """What each coming of each request meets."""

    def __init__(self, weather: Weather) -> None:
        self.weather = weather
        self._came: Counter[str] = Counter()

    def fault(self, asked: str) -> str:
        """One of `KINDS`, or empty."""
        came = self._came[asked]
        self._came[asked] += 1
        if self.weather.most_faults is not None and came >= self.weather.most_faults:
            return ""
        drawn = chance("weather", asked, came)
        for kind in KINDS:
            drawn -= getattr(self.weather, kind)
            if drawn < 0:
                return kind
        return ""

    def late(self, asked: str) -> bool:
        """Does a fault that may come at either end come after the work?"""
        return chance("late", asked, self._came[asked]) < 0.5

    def clear(self) -> None:
        self._came.clear()
