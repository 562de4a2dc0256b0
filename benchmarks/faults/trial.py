"""One run: struck once, brought to its end, and weighed against the same work undisturbed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults import observed
from benchmarks.faults.ground import Driver, Ground, wait_until
from benchmarks.faults.observed import Reference, Seen
from codeseq_ray.errors import StoreError
from tests.model_server.draws import digest as body_digest

RUN = "work"
"""The run id of every run: releases name it, and have to be the same."""
SETTLED = 2.0
"""Seconds; a process that is started anew takes longer before it asks anything."""
LONGEST = 300.0
"""Seconds that a start may take on a busy machine."""


@dataclass(frozen=True)
class Work:
    """What is worked on."""

    limit: int = 48
    flags: tuple[str, ...] = ()


@dataclass
class Measured:
    """What a death cost. Counts are of sequences, or of answers of the model server."""

    what: str
    repeat: int
    struck: bool
    """The death or fault did come."""
    acknowledged: int
    """Outcomes that were in the ledger when it came."""
    lost: int
    """In scope, and without an outcome at the end; or acknowledged before, and gone or different at the end."""
    duplicated: int
    """Rows of a published config whose sequence has another one there."""
    extra_rows: int
    """Ledger rows beyond one for each attempt: allowed, and told for information."""
    repeated: int
    """Answers beyond those of the undisturbed run."""
    bound: int
    """Answers that nobody had kept when it came."""
    same_data: bool
    same_release: bool
    """All files of the release are byte for byte those of the undisturbed run: data, card and manifest."""
    seconds_to_go_on: float | None
    """From the death, or from the next start where it needed one, to the next outcome in the ledger."""
    statuses: tuple[int, ...]
    """Of the starts."""
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return (
            self.struck
            and not self.lost
            and not self.duplicated
            and self.same_data
            and self.repeated <= self.bound
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "right": self.right}


@dataclass
class Trial:
    """A run on the ground, under a prefix of its own."""

    ground: Ground
    reference: Reference
    work: Work
    what: str
    repeat: int
    uri: str
    before: Seen = field(default_factory=Seen)
    """At the death."""
    expected_more: int = 0
    """Answers that the run asks for beyond the reference's: a retry's."""
    bound: int | None = None
    notes: list[str] = field(default_factory=list)
    _died: float = 0.0
    _went_on: float | None = None
    _starts: list[Driver] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = time.monotonic()
        self.ground.models.reset()

    def start(
        self,
        *more: str,
        crash: tuple[str, Path] | None = None,
        limit: int | None = None,
        everywhere: Mapping[str, str] | None = None,
    ) -> Driver:
        flags = ("--output", self.uri, "--run-id", RUN, "--limit", str(limit or self.work.limit))
        usual = ("--flush-every", "4", "--log-seconds", "1", *self.work.flags)
        driver = self.ground.job(
            "jobs/synthesize.py",
            *self.ground.models.flags,
            *flags,
            *usual,
            *more,
            crash=crash,
            everywhere=everywhere,
        )
        self._starts.append(driver)
        return driver

    def acknowledged(self) -> int:
        """How many segments of outcomes there are by now."""
        try:
            return len(observed.segments(self.uri, RUN))
        except StoreError:
            return 0

    def until_acknowledged(self, segments: int, driver: Driver) -> None:
        wait_until(lambda: driver.ended or self.acknowledged() >= segments, LONGEST, every=0.2)

    def struck(self) -> None:
        """Now: everything that died is dead. What is read from here on was acknowledged before."""
        self._died = time.time()
        if self.bound is None:
            # Until the server has noticed that those who asked are gone. What it answered by then was in flight.
            with contextlib.suppress(TimeoutError):
                wait_until(lambda: self.ground.models.stats()["open"] == 0, SETTLED)
        self.before = observed.look(self.uri, RUN, self.ground.models.logged())
        if self.bound is None:
            self.bound = self.reference.unkept(self.before)

    def watch(self) -> None:
        """From here on, look for the next outcome in the ledger."""
        begun = time.monotonic()
        left = set(self.reference.rows) - self.before.done

        def until_new() -> None:
            while left and self._went_on is None and time.monotonic() - begun < LONGEST:
                try:
                    if observed.segments(self.uri, RUN) - self.before.segments:
                        self._went_on = time.monotonic() - begun
                        return
                except StoreError:
                    pass
                time.sleep(0.3)

        threading.Thread(target=until_new, daemon=True).start()

    def go_on(self, *more: str) -> int:
        """Start again until it ends well; at most three times. The last exit status."""
        status = 1
        for _ in range(3):
            status = self.start(*more).wait(LONGEST)
            if status == 0:
                break
        return status

    def measured(self, *, struck: bool) -> Measured:
        """What has become of it, now that it has ended."""
        seen = observed.look(self.uri, RUN, self.ground.models.logged())
        last: dict[int, observed.Row] = {}
        for (number, _), row in sorted(seen.rows.items()):
            last[number] = row
        lost = {number for number, row in self.reference.rows.items() if last.get(number) != row}
        lost |= {
            number
            for (number, attempt), row in self.before.rows.items()
            if seen.rows.get((number, attempt)) != row
        }
        release = observed.release_files(self.uri, RUN)
        repeated = self.reference.repeated(seen.answered) - self.expected_more
        if repeated > (self.bound or 0):
            self.notes.extend(self._unexplained())
        if unreadable := observed.unreadable(self.uri, RUN):
            self.notes.append(f"{unreadable} records cannot be read")
        return Measured(
            what=self.what,
            repeat=self.repeat,
            struck=struck,
            acknowledged=len(self.before.rows),
            lost=len(lost) + unreadable,
            duplicated=observed.release_doubles(self.uri, RUN),
            extra_rows=max(0, seen.stored_rows - len(seen.rows)),  # what is merged may be swept away
            repeated=repeated,
            bound=self.bound or 0,
            same_data=_data(release) == _data(self.reference.release),
            same_release=release == self.reference.release,
            seconds_to_go_on=None if self._went_on is None else round(self._went_on, 1),
            statuses=tuple(driver.process.returncode for driver in self._starts),
            seconds=round(time.monotonic() - self.begun, 1),
            notes=tuple(self.notes),
        )

    def _unexplained(self) -> Iterable[str]:
        """Whatever was asked again although it was kept: what, and when (seconds from the death) it was answered."""
        times: dict[str, list[str]] = {}
        for entry in self.ground.models.logged():
            if entry["end"] == "answered":
                told = f"{entry['kind']} {entry['ended'] - self._died:+.2f}"
                times.setdefault(body_digest(entry["body"]), []).append(told)
        for asked, when in times.items():
            if len(when) > self.reference.answered[asked]:
                yield f"A{min(self.reference.owners.get(asked, {0})):06d} {', '.join(when)}"

    def last_words(self) -> Iterable[str]:
        """What the starts said at the end, for whoever has to look into it."""
        return [driver.said[-1500:] for driver in self._starts]


def _data(release: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in release.items() if name.startswith("data/")}


def undisturbed(ground: Ground, work: Work, uri: str) -> Reference:
    """One sequence at a time, so that whose calls are whose is known."""
    ground.models.reset()
    flags = ("--output", uri, "--run-id", RUN, "--limit", str(work.limit), *work.flags)
    driver = ground.job("jobs/synthesize.py", *ground.models.flags, *flags, "--records-in-flight", "1")
    if driver.wait(2 * LONGEST):
        raise RuntimeError(f"the undisturbed run failed:\n{driver.said}")
    return observed.reference_of(uri, RUN, ground.models.logged())
