"""The run's common knowledge: how far it is, what it spent, what its actors want to say. One small actor.

Loop actors tell it their totals once a second and learn what the others spent; the driver reads it for its progress
lines. It holds totals as each actor last told them. Started anew, it lacks those of actors that have ended since.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import ray

from codeseq_ray.dataset.usage import Bill
from codeseq_ray.errors import StoreError
from codeseq_ray.pipeline.spending import Spent
from codeseq_ray.pipeline.stopping import Stop, StopOrder
from codeseq_ray.records import Outcome

log = logging.getLogger(__name__)

TELL_SECONDS = 1.0
ACCOUNT_SECONDS = 5.0
"""Of spending that a killed start forgets."""
SILENT_SECONDS = 15.0
"""After which an actor is taken for dead: what it had open, Ray Data gives to another. Not while a stop leaves it
time: an actor that is only slow has outcomes to write."""


@dataclass(frozen=True)
class Standing:
    """Totals: of one actor as it tells them, or of all."""

    spent: Spent = field(default_factory=Spent)
    outcomes: Counter[str] = field(default_factory=Counter)
    bill: Bill = field(default_factory=Bill)
    """The calls of sequences that came to an outcome."""
    open: int = 0
    """Sequences that are being worked on."""
    idle: bool = True
    """Takes no further sequences, and has nothing open or unwritten."""

    def __add__(self, other: Standing) -> Standing:
        return Standing(
            self.spent + other.spent,
            self.outcomes + other.outcomes,
            self.bill + other.bill,
            self.open + other.open,
            self.idle and other.idle,
        )


class Monitor:
    """`before` is what earlier starts of the run spent."""

    def __init__(self, before: Spent) -> None:
        self._before = before
        self._standings: dict[str, Standing] = {}
        self._news: list[str] = []
        self._told: dict[str, float] = {}
        self._stop: tuple[str, float] | None = None

    def tell(self, actor: str, standing: Standing, news: list[str]) -> tuple[Spent, StopOrder | None]:
        """Take over an actor's totals and what it has to say; returns what all others spent, and whether to stop."""
        self._standings[actor] = standing
        self._told[actor] = time.monotonic()
        self._news += news
        spent = sum((s.spent for a, s in self._standings.items() if a != actor), self._before)
        if self._stop is None:
            return spent, None
        reason, until = self._stop
        return spent, StopOrder(reason, max(0.0, until - time.monotonic()))

    def stop(self, order: StopOrder) -> None:
        """Tell every actor to stop, from now on. Said again, it changes nothing."""
        self._stop = self._stop or (order.reason, time.monotonic() + order.seconds)

    def standing(self) -> tuple[Standing, list[str]]:
        """Totals of this start, and the news since the last time."""
        news, self._news = self._news, []
        silent = time.monotonic() - SILENT_SECONDS
        if self._stop is not None and time.monotonic() < self._stop[1]:
            silent = 0.0
        alive = (
            standing if self._told[actor] > silent else replace(standing, open=0, idle=True)
            for actor, standing in self._standings.items()
        )
        return sum(alive, Standing()), list(dict.fromkeys(news))


def start(before: Spent) -> Any:
    """A monitor (actor handle); it ends with the handle."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Monitor).remote(before)


class Watch:
    """Reads the monitor every second, in a thread of the driver; says news at once, and passes on a stop.

    Every `seconds` it says how far the run is, in the words of `line` (standing, total, seconds since the
    beginning). `account` is given the standing every few seconds, from a thread of
    its own (it may wait for the store, and a stop may not wait for it), and once more at the end.
    """

    def __init__(
        self,
        monitor: Any,
        total: int,
        seconds: float,
        say: Callable[[str], None],
        account: Callable[[Standing], None],
        stop: Stop,
        line: Callable[[Standing, int, float], str],
    ) -> None:
        self._monitor, self._total, self._seconds, self._line = monitor, total, seconds, line
        self._say, self._account, self._stop = say, account, stop
        self.stopped = False
        """The run was asked to stop, and every actor has nothing left to do."""
        self._begun = self._said = time.monotonic()
        self._ended = threading.Event()
        self._standing = Standing()
        self._threads = [
            threading.Thread(target=target, name=target.__name__, daemon=True)
            for target in (self._run, self._keep_account)
        ]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=10 * TELL_SECONDS)
        self._look()
        if not any(thread.is_alive() for thread in self._threads):
            self._write_account()

    def _keep_account(self) -> None:
        while not self._ended.wait(ACCOUNT_SECONDS):
            self._write_account()

    def _write_account(self) -> None:
        try:
            self._account(self._standing)
        except StoreError as error:  # the next time, or the ledger, tells whether the store is gone for good
            self._say(f"the account of this start could not be written: {error}")

    def _run(self) -> None:
        while not self._ended.wait(TELL_SECONDS):
            self._look()

    def _look(self) -> None:
        order = self._stop.order
        try:
            if order is not None:
                ray.get(self._monitor.stop.remote(order), timeout=5 * TELL_SECONDS)
            standing, news = ray.get(self._monitor.standing.remote(), timeout=5 * TELL_SECONDS)
        except Exception as error:  # what is only said must not end the run
            log.debug("the monitor does not answer: %s", error)
            return
        self._standing = standing
        self.stopped = order is not None and standing.idle
        for line in news:
            self._say(line)
        now = time.monotonic()
        if not self._ended.is_set() and now - self._said >= self._seconds:
            self._said = now
            self._say(self._line(standing, self._total, now - self._begun))


def line_of(standing: Standing, total: int, seconds: float) -> str:
    """How far the run is, for a person."""
    done = standing.outcomes.total()
    counts = ", ".join(f"{standing.outcomes.get(outcome.value, 0)} {outcome.value}" for outcome in Outcome)
    line = f"loops: {done} of {total} ({counts}; {standing.open} open)"
    return ", ".join([line, *ending_words(standing, done, total, seconds)])


def ending_words(standing: Standing, done: int, total: int, seconds: float) -> list[str]:
    """What was paid, how fast it goes, and how long it will."""
    parts = []
    if standing.spent.requests:
        parts.append(f"{standing.spent.tokens:,} tokens paid for in {standing.spent.requests:,} requests")
    rate = done / max(1e-9, seconds)
    if done:
        parts.append(f"{rate:.1f}/s, about {_minutes((total - done) / rate)} to go")
    return parts


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
