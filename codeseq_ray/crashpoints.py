"""Places where a process may die with something half done, by name, so that a test can let it die exactly there.

What each one puts at stake, and what a later start makes of it, is in `docs/design/ledger.md`. Nothing happens at a
place unless `CODESEQ_CRASH=<place>@<file>` is in the process' environment: the first process that gets there and can
remove the file is killed (SIGKILL). The file makes it one death, however many processes and restarts there are.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

VARIABLE = "CODESEQ_CRASH"


class CrashPoint(StrEnum):
    """In the order in which a run comes by."""

    LEASE_TAKEN = "lease.taken"
    """The run is ours, and nothing is done yet."""
    PLAN_PART_PUT = "plan.part-put"
    """One part of the plan is stored, the others are not."""
    PLAN_PUT = "plan.put"
    """The whole plan is stored, and `run.json` does not say so yet."""
    REOPENED = "reopened.put"
    """Outcomes are re-opened by `--retry`, and nothing is done about them yet."""
    ANSWERED = "model.answered"
    """A model's answer is here and paid for, and kept nowhere."""
    ANSWERS_PUT = "answers.put"
    """Answers are stored, and their keys, which acknowledge them, are not."""
    ANSWERS_KNOWN = "answers.known"
    """Answers are in the cache, and no outcome is made of them yet."""
    OUTCOME_MADE = "outcome.made"
    """A sequence has its outcome, and the ledger's writer does not know."""
    SEGMENT_SEALED = "segment.sealed"
    """Outcomes are packed into a segment, of which nothing is stored."""
    RECORDS_PUT = "segment.records-put"
    """The records are stored, and the ledger rows, which acknowledge them, are not."""
    SEGMENT_PUT = "segment.put"
    """The segment is stored, and the writer does not know: as if the store's reply were lost."""
    MERGE_READ = "merge.read"
    """Small segments are read to be merged, and nothing is written."""
    MERGED = "merge.put"
    """The merged segment is stored beside those that it covers."""
    RELEASE_CLAIMED = "release.claimed"
    """A release has its number and nothing else."""
    RELEASE_FILE_PUT = "release.file-put"
    """One file of a release is stored."""
    RELEASE_CARD_PUT = "release.card-put"
    """All but the manifest is stored."""
    RELEASE_MANIFEST_PUT = "release.manifest-put"
    """The release is whole, and `latest.json` does not point to it."""
    RELEASE_LATEST_PUT = "release.latest-put"
    """The release is the latest, and `run.json` does not have its counts."""
    SWEEP_DELETED = "sweep.deleted"
    """One object of those that are to be swept away is gone, the others are there."""


def _from_environment() -> Callable[[CrashPoint], None] | None:
    place, at, file = os.environ.get(VARIABLE, "").partition("@")
    if not at:
        return None
    chosen = CrashPoint(place)

    def die(point: CrashPoint) -> None:
        if point is not chosen:
            return
        try:
            os.unlink(file)
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return die


_hook = _from_environment()


def reach(point: CrashPoint) -> None:
    """Say that this place is reached."""
    if _hook is not None:
        _hook(point)


@contextmanager
def watched(hook: Callable[[CrashPoint], None]) -> Iterator[None]:
    """For tests inside one process: `hook` is called at every place, and may raise in the process' stead."""
    global _hook
    before, _hook = _hook, hook
    try:
        yield
    finally:
        _hook = before
