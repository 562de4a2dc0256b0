"""The ledger: which sequences have an outcome. It is what a resume reads and what a release is drawn from.

A writer gathers outcomes and puts them as a *segment*: first the records with their traces, then the ledger rows
that acknowledge them. Whatever happens in between, an outcome in the ledger has its record. Segments have names
that no other writer uses and never change.

Work is done at least once, so an id may have several rows. The rule that picks one: highest attempt, then smallest
segment name, then first row. It does not depend on the order in which rows were written or are read.
"""

from __future__ import annotations

import threading
import time
import uuid
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import StoreError
from codeseq_ray.records import Outcome, SequenceRecord, Stage
from codeseq_ray.store import parquet
from codeseq_ray.store.merging import LedgerRows, read_rows
from codeseq_ray.store.objects import checked_key, put_once
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import RECORD_SCHEMA, Recorded, Segment, encode, record_json

EVERY = 64
SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One outcome, and where its record is (`record_key` is relative to the run)."""

    sequence_id: str
    attempt: int
    outcome: Outcome
    reason: str
    rounds: int
    tokens: int
    record_key: str
    stage: Stage


class LedgerWriter:
    """Gathers the outcomes of one actor and writes them in segments. Safe to use from threads.

    `add` writes when `every` outcomes wait or the oldest has waited `seconds`; whoever may fall silent calls
    `flush_if_due` from a timer, and `flush` at the end. All three block while they write.

    When a put fails they raise StoreError and everything stays here: the next call tries the same bytes under
    the same name again, so neither a lost object nor a lost reply can lose or double an outcome.
    """

    def __init__(
        self,
        run: RunStore,
        segment_prefix: str,
        every: int = EVERY,
        seconds: float = SECONDS,
        *,
        writer_id: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._name = f"{segment_prefix}-{writer_id or uuid.uuid4().hex[:16]}"
        checked_key(self._name)
        self._every = every
        self._seconds = seconds
        self._clock = clock
        self._buffer: dict[tuple[str, int], tuple[Recorded, str]] = {}
        self._oldest = 0.0
        self._segments = 0
        self._sealed: Segment | None = None
        self._sealed_since = 0.0
        self._failed = False
        self._buffer_lock = threading.Lock()
        self._write_lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Outcomes not yet acknowledged."""
        with self._buffer_lock:
            return len(self._buffer) + (self._sealed.rows if self._sealed else 0)

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest outcome not yet acknowledged has waited."""
        with self._buffer_lock:
            if self._sealed is not None:
                return self._clock() - self._sealed_since
            return self._clock() - self._oldest if self._buffer else 0.0

    @property
    def segments(self) -> int:
        """Segments begun."""
        return self._segments

    def add(self, record: Recorded) -> None:
        """Take over one outcome. Also when this raises StoreError, the outcome is kept and will be written."""
        text = record_json(record)
        with self._buffer_lock:
            if not self._buffer:
                self._oldest = self._clock()
            # The same attempt told twice: the first stands, as it would in two segments.
            self._buffer.setdefault((record.sequence_id, record.attempt), (record, text))
        self.flush_if_due()

    def flush_if_due(self) -> None:
        if self._due():
            with self._write_lock:
                # While this waited for the lock, another thread may have written it all.
                while self._due():
                    self._write_next()

    def flush(self) -> None:
        """Write all that waits; on return every outcome added before the call is acknowledged."""
        with self._write_lock:
            if self._sealed is not None:
                self._write_next()
            self._write_next()

    def _due(self) -> bool:
        with self._buffer_lock:
            full = len(self._buffer) >= self._every
            old = bool(self._buffer) and self._clock() - self._oldest >= self._seconds
            return full or old or self._failed

    def _write_next(self) -> None:
        """Put one segment: the one whose put failed, else a new one of all that waits. Holds the write lock."""
        segment = self._seal()
        if segment is None:
            return
        reach(CrashPoint.SEGMENT_SEALED)
        try:
            put_once(self._run.store, self._run.key(f"records/{segment.name}"), segment.records)
            reach(CrashPoint.RECORDS_PUT)
            put_once(self._run.store, self._run.key(f"ledger/{segment.name}"), segment.ledger)
            reach(CrashPoint.SEGMENT_PUT)
        except BaseException:
            self._failed = True
            raise
        with self._buffer_lock:
            self._sealed, self._failed = None, False

    def _seal(self) -> Segment | None:
        with self._buffer_lock:
            if self._sealed is None and self._buffer:
                self._segments += 1
                name = f"{self._name}-{self._segments:06d}.parquet"
                self._sealed_since = self._oldest
                self._sealed = encode(name, list(self._buffer.values()))
                self._buffer = {}
            return self._sealed


# --------------------------------------------------------------------------------------------- reading


class Ledger:
    """What became of every sequence: exactly one outcome per id, in A-number order.

    Held as Arrow columns with repeated texts stored once: 400,000 outcomes take about 20 MB.
    """

    def __init__(self, resolved: pa.Table) -> None:
        self._table = cast(Any, resolved)  # Arrow's stubs let every value be None
        self._numbers: array[int] = array("q", self._table["number"].to_pylist())

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[LedgerRow]:
        for batch in self._table.to_batches(max_chunksize=4096):
            for row in batch.to_pylist():
                yield row_of(row)

    def get(self, number: int) -> LedgerRow | None:
        """The outcome of one A-number, if it has one."""
        at = self._find(number)
        return None if at is None else row_of(self._table.slice(at, 1).to_pylist()[0])

    def next_attempt(self, number: int) -> int:
        """1 for a sequence without an outcome, else one more than its highest attempt."""
        at = self._find(number)
        return 1 if at is None else self._table["attempt"][at].as_py() + 1

    @cached_property
    def done_ids(self) -> frozenset[int]:
        """A-numbers that need no more work: accepted or rejected. (Failed ones may be tried again.)"""
        outcomes = self._table["outcome"].to_pylist()
        return frozenset(n for n, o in zip(self._numbers, outcomes, strict=True) if o != Outcome.FAILED.value)

    @cached_property
    def outcomes(self) -> Counter[Outcome]:
        """How many sequences ended in which outcome."""
        return Counter(Outcome(value) for value in self._table["outcome"].to_pylist())

    @cached_property
    def reasons(self) -> Counter[tuple[Outcome, str]]:
        """How many sequences ended in which outcome for which reason (empty for accepted ones)."""
        columns = zip(self._table["outcome"].to_pylist(), self._table["reason"].to_pylist(), strict=True)
        return Counter((Outcome(outcome), reason) for outcome, reason in columns)

    def _find(self, number: int) -> int | None:
        at = bisect_left(self._numbers, number)
        return at if at < len(self._numbers) and self._numbers[at] == number else None


def row_of(row: Mapping[str, Any]) -> LedgerRow:
    """A row of `merging.ROWS_SCHEMA` as a value."""
    return LedgerRow(
        sequence_id=f"A{row['number']:06d}",
        attempt=row["attempt"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        rounds=row["rounds"],
        tokens=row["tokens"],
        record_key=row["record_key"],
        stage=Stage(row["stage"]),
    )


def read_ledger(run: RunStore) -> Ledger:
    """Read all segments of a run and pick one outcome per id."""
    return ledger_of(read_rows(run))


def ledger_of(rows: LedgerRows) -> Ledger:
    return Ledger(_latest(rows.table))


def read_record(run: RunStore, row: LedgerRow) -> SequenceRecord:
    """The record that a ledger row acknowledges. Raises StoreError when it is gone."""
    where = f"{run.uri}/{row.record_key}"
    try:
        table = parquet.decode(run.store.get(run.key(row.record_key)), RECORD_SCHEMA, where)
    except KeyError:
        raise StoreError(f"{where} is missing although the ledger names it: restore it") from None
    for found in table.to_pylist():
        if found["sequence_id"] == row.sequence_id and found["attempt"] == row.attempt:
            return SequenceRecord.model_validate_json(found["record"])
    raise StoreError(f"{where} lacks {row.sequence_id} although the ledger names it: restore it")


def _latest(table: pa.Table) -> pa.Table:
    """The first row of each number: that of its highest attempt."""
    number: Any = table["number"].combine_chunks()
    if not len(number):
        return table
    is_next = pc.not_equal(number[1:], number[:-1])
    result: pa.Table = table.filter(pa.concat_arrays([pa.array([True]), is_next])).combine_chunks()
    return result
