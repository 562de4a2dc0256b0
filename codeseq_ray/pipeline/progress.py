"""Counting what the loops report, and a line about it now and then."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.records import Outcome


class Progress:
    """Counts outcomes as they come in; every `seconds` it says how far the run is."""

    def __init__(self, total: int, seconds: float, say: Callable[[str], None]) -> None:
        self._total, self._seconds, self._say = total, seconds, say
        self._begun = self._said = time.monotonic()
        self.outcomes: Counter[str] = Counter()
        self.tokens = 0
        self.walls: Counter[str] = Counter()

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Raises UsageError or StoreError when an actor came upon something that stops the run."""
        for row in rows:
            if row["refused"]:
                raise UsageError(row["refused"])
            if row["unwritten"]:
                raise StoreError(
                    f"{row['unwritten']}\nThe same command goes on from here once the store is back."
                )
            self.outcomes[row["outcome"]] += 1
            self.tokens += row["tokens"]
            if row["walls"]:
                self.walls[row["walls"]] += 1
        now = time.monotonic()
        if now - self._said >= self._seconds:
            self._said = now
            self._say(self.line(now))

    def line(self, now: float) -> str:
        done = self.outcomes.total()
        seconds = max(1e-9, now - self._begun)
        rate = done / seconds
        left = (self._total - done) / rate if rate else 0
        counts = ", ".join(f"{self.outcomes.get(outcome.value, 0)} {outcome.value}" for outcome in Outcome)
        tokens = f", {self.tokens} tokens" if self.tokens else ""
        return (
            f"loops: {done} of {self._total} ({counts}{tokens}), {rate:.1f}/s, about {_minutes(left)} to go"
        )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
