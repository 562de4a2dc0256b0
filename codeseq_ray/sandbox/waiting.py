"""Tells a program that waits from one that gets no CPU. Trusted side.

Neither spends CPU time, and only the first is to blame: its input is all there, its output is taken from it, and
there is nobody else to wait for. The kernel keeps account for each thread of how long it ran and how long it was
ready to run and did not (`/proc/PID/task/TID/schedstat`). The rest of the time on the wall it slept by its own will.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

_Times = tuple[float, float]
"""Seconds that a thread ran, and that it was ready to and did not."""
_WORTH_A_LOOK = 0.05
"""Seconds of waiting for a program below which nothing is counted."""
_LOOKS, _BETWEEN = 10, 0.02


class Waiting:
    """How long the program has slept on its current input, as far as it can be blamed."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ran: dict[str, _Times] = {}
        self._ours = _ready()
        self.begin()

    def begin(self) -> None:
        """A new input."""
        self.seconds = 0.0
        self._since = time.monotonic()

    def look(self, waited: float) -> None:
        """After so many seconds in which this side did nothing but wait for the program."""
        if waited < _WORTH_A_LOOK:
            return
        ran, ours = _ran(Path(f"/proc/{self._pid}/task")), _ready()
        now = time.monotonic()
        if ran:
            # Threads share one interpreter's lock: what all of them ran counts. What they were ready to does not add
            # up, or a crowd that wakes at once would look starved; for one of them it takes the others' CPU time.
            new = [(on - was[0], ready - was[1]) for on, ready, was in self._with_last(ran)]
            busy = sum(on for on, _ in new) + max(ready for _, ready in new)
            # This process may have been kept from the CPU too, while there was something to take from the program.
            self.seconds += max(0.0, min(waited, now - self._since) - busy - (ours - self._ours))
        self._since, self._ran, self._ours = now, ran, ours

    def _with_last(self, ran: dict[str, _Times]) -> Iterator[tuple[float, float, _Times]]:
        for thread, (on, ready) in ran.items():
            yield on, ready, self._ran.get(thread, (0.0, 0.0))


def _ran(tasks: Path) -> dict[str, _Times]:
    """Of each thread; empty where the kernel does not say."""
    found = {}
    try:
        for task in tasks.iterdir():
            on, ready = (task / "schedstat").read_text().split()[:2]
            found[task.name] = (int(on) / 1e9, int(ready) / 1e9)
    except (OSError, ValueError):
        pass
    return found


def _ready() -> float:
    """Seconds that this thread was ready to run and did not."""
    try:
        file = os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0.0
    try:
        return int(os.read(file, 100).split()[1]) / 1e9
    finally:
        os.close(file)


def asleep(pid: int) -> bool:
    """Whether no thread runs or is ready to, in ten looks: dead ones wait for nobody either."""
    for _ in range(_LOOKS):
        try:
            states = [
                (task / "stat").read_text().rpartition(")")[2].split()[0]
                for task in Path(f"/proc/{pid}/task").iterdir()
            ]
        except (OSError, IndexError):
            return False
        if any(state not in "SZX" for state in states):
            return False
        time.sleep(_BETWEEN)
    return True
