"""What may be swept away: objects that nobody reads any more, or that nobody will ever point to.

An object is swept only when it, and whatever stands in its place, is older than a grace period by the store's own
clock. Within it a writer may still be about to acknowledge what it stored, and a reader may still hold an old
listing; so the grace is longer than a store is ever waited for. Nothing here is needed for a run to be right: it
saves space, and listings.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import StoreError
from codeseq_ray.ports import Entry, ObjectStore
from codeseq_ray.store.answers import FOLDER as CACHE
from codeseq_ray.store.merging import read_rows
from codeseq_ray.store.releases import LATEST
from codeseq_ray.store.run import NOT_RUNS, RunStore

SHORTEST_GRACE = timedelta(hours=1)

_RELEASE = re.compile(r"(releases/\d{4,})[./]")


class Why(StrEnum):
    """Why an object may go."""

    UNACKNOWLEDGED = "records that no ledger row names: a writer died before it acknowledged them"
    MERGED = "ledger segments that a merged one covers"
    UNFINISHED = "releases that were begun and never finished"
    OLD_LEASE = "leases of earlier starts"
    PROBE = "what a start-up probe left"
    UNKEYED = "model answers without their keys: a writer died before it acknowledged them"


@dataclass(frozen=True)
class Sweepable:
    entry: Entry
    why: Why


def sweepable(
    store: ObjectStore, run_ids: Iterable[str], grace: timedelta, *, cache: bool = True
) -> Iterator[Sweepable]:
    """What may be deleted below these runs and in the `cache` that all runs share, in no particular order.

    `grace` is at least `SHORTEST_GRACE`. Raises StoreError for a ledger that cannot be read: nothing of its run is
    swept then.
    """
    before = _now(store) - max(grace, SHORTEST_GRACE)
    for run_id in run_ids:
        yield from _of_run(RunStore(store, run_id), before)
    if not cache:
        return
    keys = {entry.key.rpartition("/")[2] for entry in store.entries(f"{CACHE}/keys/")}
    for entry in store.entries(f"{CACHE}/answers/"):
        if entry.key.rpartition("/")[2] not in keys and entry.modified < before:
            yield Sweepable(entry, Why.UNKEYED)


def sweep(store: ObjectStore, found: Iterable[Sweepable], each: Callable[[Sweepable], None]) -> None:
    """Delete, and tell `each` what is gone. May be stopped and started anew at any point."""
    for one in found:
        store.delete(one.entry.key)
        reach(CrashPoint.SWEEP_DELETED)
        each(one)


def runs_below(store: ObjectStore) -> list[str]:
    """The run ids that have a manifest."""
    found = (entry.key.split("/") for entry in store.entries(""))
    return sorted({parts[0] for parts in found if parts[1:] == ["run.json"] and parts[0] not in NOT_RUNS})


def _of_run(run: RunStore, before: datetime) -> Iterator[Sweepable]:
    # The ledger is read after the listing: what is acknowledged in between is seen.
    entries = {entry.key.removeprefix(f"{run.run_id}/"): entry for entry in run.store.entries(run.key(""))}
    rows = read_rows(run)
    covering = [entries[name] for name in rows.merged if name in entries]
    merged_long_ago = len(covering) == len(rows.merged) and all(e.modified < before for e in covering)
    named = (
        set(rows.table["record_key"].combine_chunks().dictionary.to_pylist()) if len(rows.table) else set()
    )
    ledger = {name.partition("/")[2] for name in entries if name.startswith("ledger/")}
    leases = [name for name in entries if name.startswith("lease/")]
    whole = _whole_releases(run, entries)
    for name, entry in entries.items():
        if entry.modified >= before:
            continue
        folder, _, rest = name.partition("/")
        release = _RELEASE.match(name)
        if folder == "records" and name not in named and rest not in ledger:
            yield Sweepable(entry, Why.UNACKNOWLEDGED)
        elif folder in ("ledger", "merged") and name in rows.covered and merged_long_ago:
            yield Sweepable(entry, Why.MERGED)
        elif folder == "lease" and name != max(leases):
            yield Sweepable(entry, Why.OLD_LEASE)
        elif folder == "probe":
            yield Sweepable(entry, Why.PROBE)
        elif release is not None and release[1] not in whole:
            yield Sweepable(entry, Why.UNFINISHED)


def _whole_releases(run: RunStore, entries: dict[str, Entry]) -> set[str]:
    """Releases with a manifest, and the latest whatever it has."""
    whole = {
        found[1] for name in entries if (found := _RELEASE.match(name)) and name.endswith("/manifest.json")
    }
    latest = run.read_json(LATEST)
    if latest is not None:
        whole.add(str(latest.get("release", "")))
    return whole


def _now(store: ObjectStore) -> datetime:
    """By the store's own clock: that of a fresh object."""
    key = f"{CACHE}/probe/{uuid.uuid4().hex}"
    store.put(key, b"")
    try:
        return next(iter(store.entries(key))).modified
    except StopIteration:
        raise StoreError(f"{store.uri}: an object that was just written is not listed") from None
    finally:
        store.delete(key)
