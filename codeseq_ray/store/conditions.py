"""Stores that cannot tell two writers apart: how that is noticed at the start, and the way out.

Whatever must happen once (a ledger segment, the number of a release, the lease of a run) rests on `put_new` being
atomic. A server may lack that, ignore the condition without a word, or look and put without a lock.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.ports import Entry, ObjectStore

RACERS = 4
RACES = 3


def require_conditional_puts(store: ObjectStore, prefix: str) -> None:
    """Try on fresh objects below `prefix` (ends in a slash), which are deleted again, whether `put_new` holds.

    Raises UsageError, saying what to do, when the store lacks conditional puts, ignores them, or lets two of several
    simultaneous ones win; StoreError when it cannot be written at all.
    """
    keys = [f"{prefix}{uuid.uuid4().hex}" for _ in range(1 + RACES)]
    try:
        _try_one_after_the_other(store, keys[0])
        for key in keys[1:]:
            _try_at_once(store, key)
    finally:
        for key in keys:
            with suppress(StoreError):
                store.delete(key)


def _try_one_after_the_other(store: ObjectStore, key: str) -> None:
    try:
        # False with our bytes there: an earlier try of this very put arrived, and its reply was lost.
        if not store.put_new(key, b"first") and _there(store, key) != b"first":
            raise _refusal(store, f"said that {key}, a name that nobody had, was taken")
    except StoreError as error:
        if error.transient:
            raise
        store.put(key, b"first")  # where this fails too, conditions are not what is missing
        raise _refusal(store, f"does not know conditional puts ({error})") from error
    if store.put_new(key, b"second"):
        raise _refusal(store, "ignores the condition of a put (If-None-Match) and overwrites what is there")
    if _there(store, key) != b"first":
        raise _refusal(store, "refused a conditional put and yet overwrote what was there")


def _try_at_once(store: ObjectStore, key: str) -> None:
    start = threading.Barrier(RACERS)

    def race(racer: int) -> bool:
        start.wait()
        return store.put_new(key, _body(racer))

    with ThreadPoolExecutor(RACERS, thread_name_prefix="store-race") as pool:
        won = list(pool.map(race, range(RACERS)))
    # None is possible: the winner's reply was lost, and its next try found the name taken.
    winners = [racer for racer, is_winner in enumerate(won) if is_winner]
    there = _there(store, key)
    if len(winners) > 1 or there not in [_body(racer) for racer in winners or range(RACERS)]:
        raise _refusal(store, f"let {len(winners)} of {RACERS} simultaneous conditional puts of one name win")


def _there(store: ObjectStore, key: str) -> bytes | None:
    try:
        return store.get(key)
    except KeyError:
        return None


def _body(racer: int) -> bytes:
    return b"racer %d" % racer


def _refusal(store: ObjectStore, what: str) -> UsageError:
    return UsageError(
        f"the store at {store.uri} {what}. Two writers could overwrite each other there. Give another --output (AWS "
        "S3, MinIO, SeaweedFS, Ceph and folders with hard links will do), or --single-writer and the promise that "
        "only one run at a time works below this one."
    )


class SingleWriter:
    """A store whose `put_new` looks, and then puts: two writers that look at the same time both believe to have won.

    Right for a server without conditional puts as long as its user keeps a promise: one driver at a time works below
    this root, and one publisher. Writers of one driver never use the same names, so they do not meet. Can be pickled
    if the store behind can.
    """

    def __init__(self, behind: ObjectStore) -> None:
        self._behind = behind
        self.uri = behind.uri

    def put(self, key: str, body: bytes) -> None:
        self._behind.put(key, body)

    def put_new(self, key: str, body: bytes) -> bool:
        try:
            self._behind.get(key)
        except KeyError:
            self._behind.put(key, body)
            return True
        return False

    def get(self, key: str) -> bytes:
        return self._behind.get(key)

    def list(self, prefix: str) -> Iterator[str]:
        return self._behind.list(prefix)

    def entries(self, prefix: str) -> Iterator[Entry]:
        return self._behind.entries(prefix)

    def delete(self, key: str) -> None:
        self._behind.delete(key)
