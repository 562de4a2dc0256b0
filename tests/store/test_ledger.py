"""What a writer acknowledges and what a reader is told. (`test_store_model.py` sets both against a bad store.)"""

from __future__ import annotations

import threading
import time

import pytest
from synthetic import MemoryStore, record, stored_rows

from codeseq_ray.errors import StoreError
from codeseq_ray.records import Outcome, Program
from codeseq_ray.store.ledger import Ledger, LedgerWriter, read_ledger, read_record
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_writer_that_dies_between_its_puts_acknowledges_nothing(dies_at: int) -> None:
    store = MemoryStore()
    run = RunStore(store, "r")
    store.fail_at = dies_at
    writer = LedgerWriter(run, "w")
    writer.add(record(1))
    with pytest.raises(StoreError):
        writer.flush()
    assert len(list(run.list("records/"))) == dies_at - 1
    assert len(read_ledger(run)) == 0
    assert writer.waiting == 1


def test_what_was_added_during_an_outage_is_written_after_it_once() -> None:
    store = MemoryStore()
    run = RunStore(store, "r")
    writer = LedgerWriter(run, "w", every=2)
    store.fail_at = 1
    writer.add(record(1))
    for number in (2, 3, 4):
        with pytest.raises(StoreError):
            writer.add(record(number))
    store.fail_at = None
    writer.flush()
    assert writer.waiting == 0
    assert [row["sequence_id"] for _, row in stored_rows(run, "ledger/")] == [
        f"A00000{i}" for i in (1, 2, 3, 4)
    ]


def test_a_writer_writes_when_full_or_when_the_oldest_has_waited() -> None:
    now = 0.0
    run = RunStore(MemoryStore(), "r")
    writer = LedgerWriter(run, "w", every=3, seconds=10, clock=lambda: now)
    for number in (1, 2, 3):
        assert len(read_ledger(run)) == 0
        writer.add(record(number))
    assert len(read_ledger(run)) == 3
    writer.add(record(4))
    now = 9.9
    writer.flush_if_due()
    assert len(read_ledger(run)) == 3
    now = 10.0
    writer.flush_if_due()
    assert len(read_ledger(run)) == 4


def test_many_threads_share_a_writer_without_losing_or_crumbling_segments(store_uri: str) -> None:
    run = RunStore(open_store(store_uri), "r")

    class Slow:
        """Slow enough that all threads add while a segment is being written."""

        uri = run.store.uri

        def put_new(self, key: str, body: bytes) -> bool:
            time.sleep(0.05)
            return run.store.put_new(key, body)

    writer = LedgerWriter(RunStore(Slow(), "r"), "w", every=20)  # type: ignore[arg-type]  # all that it calls

    def work(first: int) -> None:
        for number in range(first, first + 25):
            writer.add(record(number))

    threads = [threading.Thread(target=work, args=(1 + 25 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.flush()
    assert [row.sequence_id for row in read_ledger(run)] == [f"A{i:06d}" for i in range(1, 201)]
    assert len(list(run.list("ledger/"))) <= 200 // 20 + 1


def test_failed_sequences_are_not_done_and_get_the_next_attempt(store_uri: str) -> None:
    run = RunStore(open_store(store_uri), "r")
    with_outcomes = LedgerWriter(run, "w")
    with_outcomes.add(record(1, Outcome.ACCEPTED))
    with_outcomes.add(record(2, Outcome.REJECTED))
    with_outcomes.add(record(3, Outcome.FAILED))
    with_outcomes.add(record(4, Outcome.FAILED))
    with_outcomes.add(record(4, Outcome.FAILED, attempt=2))
    with_outcomes.add(record(5, Outcome.FAILED))
    with_outcomes.add(record(5, Outcome.ACCEPTED, attempt=2))
    with_outcomes.flush()
    ledger = read_ledger(run)
    assert ledger.done_ids == {1, 2, 5}
    assert [ledger.next_attempt(n) for n in range(7)] == [1, 2, 2, 2, 3, 3, 1]
    assert ledger.outcomes == {Outcome.ACCEPTED: 2, Outcome.REJECTED: 1, Outcome.FAILED: 2}
    assert ledger.reasons == {
        (Outcome.ACCEPTED, ""): 2,
        (Outcome.REJECTED, "no_rule_found"): 1,
        (Outcome.FAILED, "infrastructure"): 2,
    }
    row = ledger.get(5)
    assert row is not None
    assert (row.sequence_id, row.attempt, row.tokens, row.rounds) == ("A000005", 2, 7, 0)
    assert ledger.get(6) is None


def test_an_empty_run_has_an_empty_ledger(store_uri: str) -> None:
    ledger = read_ledger(RunStore(open_store(store_uri), "r"))
    assert (len(ledger), list(ledger), ledger.done_ids, ledger.next_attempt(1)) == (0, [], frozenset(), 1)
    assert not ledger.outcomes


def test_texts_that_utf8_cannot_hold_do_not_stop_the_writer() -> None:
    run = RunStore(MemoryStore(), "r")
    made = record(1)
    odd = made.rounds[0].model_copy(update={"program": Program(source="print('\ud83d \0 \u2028 ü')")})
    writer = LedgerWriter(run, "w")
    writer.add(made.model_copy(update={"rounds": (odd,)}))
    writer.flush()
    row = read_ledger(run).get(1)
    assert row is not None
    program = read_record(run, row).program
    assert program is not None
    assert program.source == "print('? \0 \u2028 ü')"


def test_integers_of_any_size_come_back_exactly() -> None:
    run = RunStore(MemoryStore(), "r")
    made = record(10**5)
    terms = (-(10**6000), 2**63, 0)
    made = made.model_copy(update={"sequence": made.sequence.model_copy(update={"terms": terms})})
    writer = LedgerWriter(run, "w")
    writer.add(made)
    writer.flush()
    row = read_ledger(run).get(10**5)
    assert row is not None
    assert read_record(run, row) == made


def test_a_damaged_segment_is_named() -> None:
    run = RunStore(MemoryStore(), "r")
    run.store.put("r/ledger/w-1.parquet", b"PAR1")
    with pytest.raises(StoreError, match=r"memory/r/ledger/w-1\.parquet"):
        read_ledger(run)


def test_a_ledger_of_many_outcomes_stays_small() -> None:
    run = RunStore(MemoryStore(), "r")
    writer = LedgerWriter(run, "w", every=500)
    template = record(1, Outcome.REJECTED)
    for number in range(1, 5001):
        sequence = template.sequence.model_copy(update={"id": f"A{number:06d}"})
        writer.add(template.model_copy(update={"sequence": sequence}))
    writer.flush()
    ledger = read_ledger(run)
    assert len(ledger) == 5000
    assert bytes_held(ledger) < 60 * 5000


def bytes_held(ledger: Ledger) -> int:
    return int(ledger._table.nbytes) + ledger._numbers.itemsize * len(ledger._numbers)
