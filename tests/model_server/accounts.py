"""What was asked and how full the engines were: `GET /stats`."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import IO, Any

COUNTED = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")


class Accounts:
    """Of all replicas together, since the start or the last reset. Times are seconds since then."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        """Of all engines together."""
        self._running = self._waiting = 0
        self._awaited: list[tuple[int, asyncio.Event]] = []
        self.reset()

    def reset(self) -> None:
        self._begun, self._cpu, self._wall = time.monotonic(), time.process_time(), time.time()
        self._kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._ends: Counter[str] = Counter()
        self._open = self._most_open = 0
        self._times: dict[str, float] = {}
        self._slot_seconds = self._slot_seconds_fed = 0.0
        self._at = 0.0
        self._per_second: defaultdict[int, float] = defaultdict(float)
        self._most_running, self._most_waiting = self._running, self._waiting

    # ------------------------------------------------------------------------------------- by the protocol

    def arrived(self, kind: str) -> None:
        """A chat request came in."""
        self._mark("arrival")
        self._kinds[kind]["arrived"] += 1
        self._open += 1
        self._most_open = max(self._most_open, self._open)

    def ended(self, kind: str, end: str, usage: dict[str, int]) -> None:
        """It is over: `answered`, or what went wrong. `usage` is what the client was told that it cost."""
        self._mark("end")
        self._open -= 1
        self._ends[end] += 1
        account = self._kinds[kind]
        account["answered"] += end == "answered"
        for count, event in self._awaited:
            if self.answered >= count:
                event.set()
        for name in COUNTED:
            account[name] += usage.get(name, 0)

    # --------------------------------------------------------------------------------------- by the engines

    def queued(self, change: int) -> None:
        self._waiting += change
        self._most_waiting = max(self._most_waiting, self._waiting)

    def running(self, change: int) -> None:
        self._integrate()
        self._running += change
        self._most_running = max(self._most_running, self._running)
        if change > 0:
            self._mark("start")
            self._slot_seconds_fed = self._slot_seconds
        else:
            self._mark("finish")

    def _integrate(self) -> None:
        now = time.monotonic() - self._begun
        if self._running:
            self._slot_seconds += self._running * (now - self._at)
            while self._at < now:
                second = int(self._at)
                upto = min(now, second + 1.0)
                self._per_second[second] += self._running * (upto - self._at)
                self._at = upto
        self._at = now

    def _mark(self, what: str) -> None:
        now = time.monotonic() - self._begun
        self._times.setdefault(f"first_{what}", now)
        self._times[f"last_{what}"] = now

    # ------------------------------------------------------------------------------------------------- told

    @property
    def answered(self) -> int:
        return self._ends["answered"]

    def answers(self, count: int) -> asyncio.Event:
        """Set once so many requests are answered; a reset begins to count anew."""
        event = asyncio.Event()
        self._awaited.append((count, event))
        if self.answered >= count:
            event.set()
        return event

    def stats(self) -> dict[str, Any]:
        """Arrival and end are a request's, start and finish its slot's.

        `fed` is until the last start: after that no client can keep the engines full.
        """
        self._integrate()
        times = self._times
        begun = times.get("first_start", 0.0)
        whole = times.get("last_finish", 0.0) - begun
        fed = times.get("last_start", 0.0) - begun
        totals = sum(self._kinds.values(), Counter[str]())
        return {
            "since": self._wall,
            "slots": self.slots,
            **{name: totals[name] for name in ("arrived", "answered", *COUNTED)},
            "kinds": {kind: dict(account) for kind, account in sorted(self._kinds.items())},
            "ends": dict(sorted(self._ends.items())),
            "open": self._open,
            "most_open": self._most_open,
            "most_running": self._most_running,
            "most_waiting": self._most_waiting,
            **{name: round(seconds, 4) for name, seconds in sorted(times.items())},
            "span": round(times.get("last_end", 0.0) - times.get("first_arrival", 0.0), 4),
            "slot_seconds": round(self._slot_seconds, 4),
            "slot_seconds_fed": round(self._slot_seconds_fed, 4),
            "occupancy": round(self._slot_seconds / (self.slots * whole), 4) if whole > 0 else None,
            "fed_occupancy": round(self._slot_seconds_fed / (self.slots * fed), 4) if fed > 0 else None,
            "running_by_second": [
                round(self._per_second.get(second, 0.0), 2)
                for second in range(max(self._per_second, default=-1) + 1)
            ],
            "cpu_seconds": round(time.process_time() - self._cpu, 3),
        }


class Log:
    """Every chat request with what became of it, a JSON line each, if a file is given."""

    def __init__(self, path: str | Path | None) -> None:
        self._file: IO[str] | None = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115

    def write(self, entry: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
