"""Deaths at the crash points: SIGKILL to whichever process comes by first, once the run is as far as is wanted."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

from benchmarks.faults import sweeping
from benchmarks.faults.ground import wait_until
from benchmarks.faults.observed import run_at
from benchmarks.faults.trial import LONGEST, RUN, Measured, Trial
from codeseq_ray.crashpoints import CrashPoint
from codeseq_ray.store.ledger import LedgerWriter, ledger_of, read_record
from codeseq_ray.store.merging import MERGE_AT, read_rows

IN_ACTORS = frozenset(
    {
        CrashPoint.ANSWERED,
        CrashPoint.ANSWERS_PUT,
        CrashPoint.ANSWERS_KNOWN,
        CrashPoint.OUTCOME_MADE,
        CrashPoint.SEGMENT_SEALED,
        CrashPoint.RECORDS_PUT,
        CrashPoint.SEGMENT_PUT,
    }
)
"""Their death is a loop actor's, which Ray starts anew: the same start of the run goes on."""
MOST_BEFORE = 3
"""Segments that may be there when an actor dies; how many is drawn."""


def crash(trial: Trial, point: CrashPoint) -> Measured:
    """A run that dies at this point, and what became of it."""
    token = trial.ground.folder / f"crash-{uuid.uuid4().hex}"
    if point in IN_ACTORS:
        return _in_an_actor(trial, point, token)
    more: tuple[str, ...] = ()
    if point is CrashPoint.REOPENED:
        _reopened_beforehand(trial)
        more = ("--retry", "rejected")
    if point in (CrashPoint.MERGE_READ, CrashPoint.MERGED):
        trial.start(limit=trial.work.limit // 2).wait(LONGEST)
        scatter(trial)
    if point is CrashPoint.SWEEP_DELETED:
        return _while_sweeping(trial, token)
    token.touch()
    driver = trial.start(*more, crash=(point, token))
    status = driver.wait(LONGEST)
    trial.ground.until_idle()
    trial.struck()
    trial.watch()
    trial.go_on(*more)
    return trial.measured(struck=status == -9 and not token.exists())


def _in_an_actor(trial: Trial, point: CrashPoint, token: Path) -> Measured:
    before = random.Random(f"{point} {trial.repeat}").randrange(MOST_BEFORE)
    driver = trial.start(crash=(point, token))
    trial.until_acknowledged(before, driver)
    token.touch()
    wait_until(lambda: driver.ended or not token.exists(), LONGEST, every=0.02)
    struck = not token.exists()
    trial.struck()
    trial.watch()
    if driver.wait(LONGEST):
        trial.notes.append("the start did not go on by itself")
        trial.go_on()
    return trial.measured(struck=struck)


def _reopened_beforehand(trial: Trial) -> None:
    """A whole run first. The retry then asks once more whatever rejected ones asked."""
    trial.start().wait(LONGEST)
    rejected = {number for number, row in trial.reference.rows.items() if row[0] == "rejected"}
    trial.expected_more = sum(
        count for asked, count in trial.reference.answered.items() if trial.reference.owners[asked] & rejected
    )
    trial.bound = 0


def scatter(trial: Trial) -> None:
    """As many small segments as make the driver merge: each says once more what one outcome was."""
    run = run_at(trial.uri, RUN)
    records = [read_record(run, row) for row in ledger_of(read_rows(run))]
    writer = LedgerWriter(run, "scattered", every=1, seconds=0)
    for number in range(MERGE_AT):
        writer.add(records[number % len(records)])


def _while_sweeping(trial: Trial, token: Path) -> Measured:
    """A run with much to sweep: records that nobody named, a lease of old, segments that are merged."""
    first = trial.ground.folder / f"crash-{uuid.uuid4().hex}"
    first.touch()
    trial.start(crash=(CrashPoint.RECORDS_PUT, first)).wait(LONGEST)
    scatter(trial)
    trial.start().wait(LONGEST)
    trial.struck()
    # What the first death cost is paid by now; nothing may come to it.
    trial.bound = trial.reference.repeated(trial.before.answered)
    token.touch()
    statuses = [
        trial.ground.job(sweeping.__file__, trial.uri, crash=(CrashPoint.SWEEP_DELETED, token)).wait(LONGEST)
    ]
    last = trial.ground.job(sweeping.__file__, trial.uri)
    statuses.append(last.wait(LONGEST))
    trial.notes.append(last.said.strip().splitlines()[-1] if last.said.strip() else "nothing said")
    trial.go_on()
    return trial.measured(struck=statuses == [-9, 0] and not token.exists())
