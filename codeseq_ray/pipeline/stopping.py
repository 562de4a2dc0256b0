"""Ending a run before its work is done, without losing any: asked for by a signal, or by a lost lease.

The driver's `Stop` goes to the run's monitor, and from there to every loop actor with its next tell. An actor takes
no further sequence, gives those that are open what is left of the grace, and stores what it has. What is cut off then
has no outcome; its answers are in the response cache.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

Say = Callable[[str], None]


@dataclass(frozen=True)
class StopOrder:
    """As it reaches an actor: why, and how long what is open may still take (seconds from now)."""

    reason: str
    seconds: float


class Stop:
    """Whether the run is to end early. The first reason stands. Safe to use from threads and signal handlers."""

    def __init__(self, grace_seconds: float) -> None:
        self._grace_seconds = grace_seconds
        self._asked: tuple[str, float] | None = None

    def ask(self, reason: str, grace_seconds: float | None = None) -> None:
        grace = self._grace_seconds if grace_seconds is None else grace_seconds
        if self._asked is None:
            self._asked = reason, time.monotonic() + grace

    @property
    def order(self) -> StopOrder | None:
        """What actors are to be told; None while the run goes on."""
        if self._asked is None:
            return None
        reason, until = self._asked
        return StopOrder(reason, max(0.0, until - time.monotonic()))


@contextmanager
def on_signals(stop: Stop, say: Say, *, grace_seconds: float) -> Iterator[None]:
    """SIGTERM (a pod that is moved, a job that is stopped) and Ctrl-C ask for the end; the second time they are it.

    Without effect outside the main thread, where no handlers can be set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if stop.order is not None:
            raise KeyboardInterrupt(name)
        stop.ask(f"stopped by {name}")
        say(
            f"{name}: no further sequences; those that are open have {grace_seconds:.0f} s to end "
            "(once more: at once) …"
        )

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
