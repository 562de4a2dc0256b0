"""The run's common knowledge: how far it is, what it spent, what its actors want to say. One small actor.

Loop actors tell it their totals once a second and learn what the others spent; the driver reads it for its progress
lines. It holds totals as each actor last told them. Started anew, it lacks those of actors that have ended since.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray

from codeseq_ray.errors import StoreError
from codeseq_ray.pipeline.stopping import Stop, StopOrder
from codeseq_ray.watching.line import line as line_of
from codeseq_ray.watching.notices import Notices
from codeseq_ray.watching.pace import History
from codeseq_ray.watching.plain import plain
from codeseq_ray.watching.screen import Screen
from codeseq_ray.watching.snapshot import Ending, Snapshot, Words, totals_of
from codeseq_ray.watching.standing import Spent, Standing
from codeseq_ray.watching.view import drawn, frame

log = logging.getLogger(__name__)

TELL_SECONDS = 1.0
ACCOUNT_SECONDS = 5.0
"""Of spending that a killed start forgets."""
SILENT_SECONDS = 15.0
"""After which an actor is taken for dead: what it had open, Ray Data gives to another. Not while a stop leaves it
time: an actor that is only slow has outcomes to write."""


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
            standing if self._told[actor] > silent else standing.gone()
            for actor, standing in self._standings.items()
        )
        return sum(alive, Standing()), list(dict.fromkeys(news))


def start(before: Spent) -> Any:
    """A monitor (actor handle); it ends with the handle."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Monitor).remote(before)


@dataclass(frozen=True)
class Shown:
    """What a start's work is shown as."""

    words: Words
    run: str
    uri: str
    total: int
    """What the start is to bring to an outcome."""
    live: bool
    """By the view on this terminal; else by a line every `seconds`."""
    seconds: float


class Watch:
    """Reads the monitor every second, in a thread of the driver; says news at once, and passes on a stop.

    It shows how far the run is. `account` is given the standing every few seconds, from a thread of its own (it may
    wait for the store, and a stop may not wait for it), and once more at the end.
    """

    def __init__(
        self,
        monitor: Any,
        shown: Shown,
        say: Callable[[str], None],
        account: Callable[[Standing], None],
        stop: Stop,
    ) -> None:
        self._monitor, self._shown = monitor, shown
        self._say, self._account, self._stop = say, account, stop
        self.stopped = False
        """The run was asked to stop, and every actor has nothing left to do."""
        self._begun = self._said = time.monotonic()
        self._ended = threading.Event()
        self._standing = Standing()
        self._history = History()
        self._notices = Notices()
        self._looking = threading.Lock()
        """Around what the view reads and this changes."""
        self._screen = Screen(self._draw) if shown.live else None
        self._threads = [
            threading.Thread(target=target, name=target.__name__, daemon=True)
            for target in (self._run, self._keep_account)
        ]

    def __enter__(self) -> Watch:
        if self._screen is not None:
            self._screen.__enter__()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ended.set()
        try:
            if kind is None:
                self._threads[0].join(timeout=10 * TELL_SECONDS)
                self._look()
        finally:
            if self._screen is not None:
                self._screen.__exit__(kind)
        for line in self._notices.repeated():
            self._say(plain(line))
        if self._screen is None and kind is None:
            self._say(line_of(self._now()))
        for thread in self._threads:
            thread.join(timeout=10 * TELL_SECONDS)
        if kind is not None:
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
            self._news(f"the account of this start could not be written: {error}")

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
        now = time.monotonic()
        with self._looking:
            self._standing = standing
            self._history.add(now - self._begun, totals_of(self._shown.words, standing))
        self.stopped = order is not None and standing.idle
        for line in news:
            self._news(line)
        if self._screen is None and not self._ended.is_set() and now - self._said >= self._shown.seconds:
            self._said = now
            self._say(line_of(self._now()))

    def _news(self, line: str) -> None:
        with self._looking:
            said = self._notices.heard(line, time.monotonic())
        if said is not None:
            self._say(plain(said))

    def _now(self) -> Snapshot:
        order, shown = self._stop.order, self._shown
        return Snapshot(
            shown.words,
            shown.run,
            shown.uri,
            self._standing,
            shown.total,
            time.monotonic() - self._begun,
            self._history,
            None if order is None else Ending(order.reason, order.seconds),
            self._notices.counts.copy(),
        )

    def _draw(self, columns: int, rows: int) -> list[str]:
        with self._looking:
            lines = frame(self._now(), columns, rows)
        return drawn(lines, sys.stdout, columns)
