"""A merged ledger says what its segments said, whatever was merged when, and whoever still reads the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import MemoryStore, record

from codeseq_ray.errors import StoreError
from codeseq_ray.records import Outcome
from codeseq_ray.store import merging, parquet
from codeseq_ray.store.ledger import LedgerWriter, ledger_of, read_ledger
from codeseq_ray.store.merging import merge, read_rows
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import LEDGER_SCHEMA

OUTCOMES = list(Outcome)


@dataclass(frozen=True)
class Written:
    """One outcome in one segment."""

    segment: int
    number: int
    attempt: int
    outcome: Outcome


WRITTEN = st.builds(
    Written, st.integers(0, 5), st.integers(1, 5), st.integers(1, 3), st.sampled_from(OUTCOMES)
)
STEPS = st.lists(
    st.one_of(
        WRITTEN,
        st.just("merge"),
        st.just("remember"),
        st.just("merge what was remembered"),
        st.just("sweep"),
    ),
    max_size=25,
)


def said(run: RunStore) -> list[tuple[Any, ...]]:
    """Everything that the ledger says."""
    return [
        (row.sequence_id, row.attempt, row.outcome, row.reason, row.tokens, row.record_key, row.stage)
        for row in read_ledger(run)
    ]


def write(run: RunStore, name: str, *outcomes: tuple[int, Outcome, int]) -> None:
    writer = LedgerWriter(run, "w", writer_id=name)
    for number, outcome, attempt in outcomes:
        writer.add(record(number, outcome, attempt=attempt))
    writer.flush()


@given(STEPS)
def test_a_ledger_says_the_same_whether_merged_or_not(steps: list[Written | str]) -> None:
    merged, plain = RunStore(MemoryStore(), "r"), RunStore(MemoryStore(), "r")
    remembered = read_rows(merged)
    for at, step in enumerate(steps):
        match step:
            case Written(segment, number, attempt, outcome):
                for run in (merged, plain):
                    write(run, f"{segment}-{at}", (number, outcome, attempt))
            case "merge":
                merge(merged, read_rows(merged))
            case "remember":
                remembered = read_rows(merged)
            case "merge what was remembered":  # another driver, whose view is old
                merge(merged, remembered)
            case "sweep":
                rows = read_rows(merged)
                # What somebody still holds to merge may be swept too: the newest covers it.
                for name in list(merged.list("ledger/")) + list(merged.list("merged/")):
                    if name in rows.covered:
                        merged.store.delete(merged.key(name))
        assert said(merged) == said(plain)


def test_every_attempt_is_kept_and_the_highest_counts() -> None:
    run = RunStore(MemoryStore(), "r")
    write(run, "a", (1, Outcome.FAILED, 1), (1, Outcome.REJECTED, 2))
    write(run, "b", (1, Outcome.ACCEPTED, 2), (2, Outcome.REJECTED, 1))
    merge(run, read_rows(run))
    rows = read_rows(run)
    assert rows.apart == ()
    kept = [(r["number"], r["attempt"], r["outcome"], r["record_key"]) for r in rows.table.to_pylist()]
    assert kept == [
        (1, 2, "rejected", "records/w-a-000001.parquet"),
        (1, 1, "failed", "records/w-a-000001.parquet"),
        (2, 1, "rejected", "records/w-b-000001.parquet"),
    ]
    assert [row.attempt for row in ledger_of(rows)] == [2, 1]


def test_a_merged_ledger_is_read_from_one_object(store_uri: str) -> None:
    run = RunStore(open_store(store_uri), "r")
    for number in range(1, 30):
        write(run, f"{number}", (number, Outcome.REJECTED, 1))
    before = said(run)
    merge(run, read_rows(run))
    read: list[str] = []

    class Counting:
        uri = run.store.uri
        list = staticmethod(run.store.list)

        def get(self, key: str) -> bytes:
            read.append(key)
            return run.store.get(key)

    counted = RunStore(Counting(), "r")  # type: ignore[arg-type]  # all that is called
    assert said(counted) == before
    assert len(read) == 1


def test_segments_swept_between_the_listing_and_the_reading_are_found_where_they_went() -> None:
    run = RunStore(MemoryStore(), "r")
    write(run, "a", (1, Outcome.ACCEPTED, 1))
    before = said(run)

    class Swept(MemoryStore):
        """Right after the first listing somebody merges and sweeps."""

        def list(self, prefix: str) -> Iterator[str]:
            found = sorted(key for key in self.objects if key.startswith(prefix))
            if prefix == "r/merged/" and not found:
                merge(run, read_rows(run))
                run.store.delete("r/ledger/w-a-000001.parquet")
            yield from found

    late = Swept()
    assert isinstance(run.store, MemoryStore)
    late.objects = run.store.objects
    assert said(RunStore(late, "r")) == before


def test_a_segment_that_is_gone_for_good_is_named() -> None:
    class Lacking(MemoryStore):
        def list(self, prefix: str) -> Iterator[str]:
            yield from (["r/ledger/w-x.parquet"] if prefix == "r/ledger/" else [])

    with pytest.raises(StoreError, match=r"ledger/w-x\.parquet"):
        read_rows(RunStore(Lacking(), "r"))


def test_a_merged_segment_that_does_not_say_what_it_covers_is_refused() -> None:
    run = RunStore(MemoryStore(), "r")
    body = parquet.encode([], LEDGER_SCHEMA)
    run.store.put("r/merged/000001-x.parquet", body)
    with pytest.raises(StoreError, match="does not say which segments it covers"):
        read_rows(run)


def test_a_merge_that_fails_changes_nothing() -> None:
    run = RunStore(MemoryStore(), "r")
    write(run, "a", (1, Outcome.ACCEPTED, 1))
    before = said(run)
    assert isinstance(run.store, MemoryStore)
    run.store.faults = ["lost"]
    with pytest.raises(StoreError):
        merge(run, read_rows(run))
    assert said(run) == before
    assert list(run.list("merged/")) == []
    run.store.faults = ["reply lost"]
    with pytest.raises(StoreError):
        merge(run, read_rows(run))
    assert said(run) == before
    assert merging.read_rows(run).apart == ()
