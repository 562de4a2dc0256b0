"""No outcome is lost, doubled, or acknowledged without its record, whatever the store and the writers do."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from contextlib import suppress

import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from synthetic import MemoryStore, plan_row, record

from codeseq_ray.errors import IncompleteRunError, StoreError
from codeseq_ray.records import Outcome, Program, SequenceRecord
from codeseq_ray.store.ledger import Ledger, LedgerWriter, read_ledger, read_record
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.releases import publish
from codeseq_ray.store.run import RunStore

FAULTS = st.lists(st.sampled_from(["fine", "lost", "reply lost", "repeated"]), max_size=4)
NUMBERS = st.integers(1, 6)


def stored_rows(run: RunStore, folder: str) -> list[tuple[str, dict[str, object]]]:
    """Every row below a folder with its object's name, read without the code under test."""
    return [
        (name, row)
        for name in run.list(folder)
        for row in pq.read_table(io.BytesIO(run.store.get(run.key(name)))).to_pylist()
    ]


class Writers(RuleBasedStateMachine):
    """Two writers at a time on a store that fails in every way; some die with what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.run = RunStore(self.store, "r")
        self.writers: dict[int, LedgerWriter] = {}
        self.told: dict[int, list[SequenceRecord]] = {0: [], 1: []}
        """By writer: outcomes added and not yet known to be written."""
        self.acknowledged: list[SequenceRecord] = []
        self.records: dict[str, SequenceRecord] = {}
        """Every outcome ever added, by its marker."""
        self.published: dict[str, bytes] = {}
        self.made = 0

    def writer(self, which: int, name: int) -> LedgerWriter:
        if which not in self.writers:
            # Names in no order: a later writer's segments may sort before an earlier one's.
            self.made += 1
            unique = f"{name:03d}-{self.made}"
            self.writers[which] = LedgerWriter(self.run, "w", every=3, seconds=1e9, writer_id=unique)
        return self.writers[which]

    @rule(
        which=st.integers(0, 1),
        name=st.integers(0, 999),
        number=NUMBERS,
        attempt=st.integers(1, 3),
        outcome=st.sampled_from(Outcome),
        faults=FAULTS,
    )
    def add(
        self, which: int, name: int, number: int, attempt: int, outcome: Outcome, faults: list[str]
    ) -> None:
        made = record(number, outcome, attempt=attempt, detail=f"marker {len(self.records)}")
        self.records[made.detail] = made
        self.store.faults = faults
        writer = self.writer(which, name)
        if all(m.sequence.number != number or m.attempt != attempt for m in self.told[which]):
            self.told[which].append(made)
        with suppress(StoreError):
            writer.add(made)
        if writer.waiting == 0:
            self.settle(which)

    @rule(which=st.integers(0, 1), name=st.integers(0, 999), faults=FAULTS)
    def flush(self, which: int, name: int, faults: list[str]) -> None:
        self.store.faults = faults
        try:
            self.writer(which, name).flush()
        except StoreError:
            return
        self.settle(which)

    @rule(which=st.integers(0, 1))
    def die(self, which: int) -> None:
        self.writers.pop(which, None)
        self.told[which] = []

    def settle(self, which: int) -> None:
        self.acknowledged += self.told[which]
        self.told[which] = []

    @rule(selected=st.sets(NUMBERS), faults=FAULTS)
    def publish(self, selected: set[int], faults: list[str]) -> None:
        """What is published is exactly the outcomes of the selected ids; a failure publishes nothing."""
        ledger = read_ledger(self.run)
        known = {row.sequence_id: row for row in ledger}
        plan = [plan_row(n, reason="" if n in selected else "keyword") for n in range(1, 7)]
        missing = [n for n in selected if f"A{n:06d}" not in known]
        self.store.faults = []
        before = self.run.read_json("latest.json")
        if missing:
            with pytest.raises(IncompleteRunError, match=f"{len(missing)} of {len(selected)} selected"):
                publish(self.run, plan, ledger)
            assert self.run.read_json("latest.json") == before
        self.store.faults = faults
        try:
            release = publish(self.run, plan, ledger, partial=True)
        except StoreError:
            self.store.faults = []
            pointer = self.run.read_json("latest.json")
            if pointer != before:  # only the reply to the very last write was lost
                assert pointer is not None
                assert f"r/{pointer['release']}/manifest.json" in self.store.objects
            release = publish(self.run, plan, ledger, partial=True)
        self.store.faults = []
        counts = release.manifest["counts"]
        assert counts["selected"] == len(selected)
        assert counts["missing"] == len(missing)
        ended = Counter(known[f"A{n:06d}"].outcome for n in selected if n not in missing)
        assert {o: counts[o.value] for o in Outcome} == {o: ended[o] for o in Outcome}
        drawn = {
            str(row["sequence_id"]): str(row["detail"])
            for _, row in stored_rows(self.run, f"{release.name}/data/rejected/")
        }
        wanted = {f"A{n:06d}" for n in selected} & set(known)
        assert drawn == {
            i: read_record(self.run, known[i]).detail for i in wanted if known[i].outcome is Outcome.REJECTED
        }

    @invariant()
    def releases_never_change(self) -> None:
        objects = self.store.objects
        for key, body in self.published.items():
            assert objects[key] == body
        self.published = {k: b for k, b in objects.items() if k.startswith("r/releases/")}

    @invariant()
    def every_acknowledged_outcome_is_in_the_ledger_with_its_record(self) -> None:
        rows = stored_rows(self.run, "ledger/")
        markers = [read_text(row["record"]) for _, row in stored_rows(self.run, "records/")]
        assert len(markers) == len(set(markers)), "an outcome was written twice"
        in_ledger = {(row["sequence_id"], row["attempt"], row["record_key"]) for _, row in rows}
        kept = {
            read_text(row["record"])
            for name, row in stored_rows(self.run, "records/")
            if (row["sequence_id"], row["attempt"], name) in in_ledger
        }
        assert {made.detail for made in self.acknowledged} <= kept

    @invariant()
    def each_id_has_the_outcome_that_the_rule_picks(self) -> None:
        picked: dict[str, tuple[tuple[int, str], dict[str, object]]] = {}
        for name, row in stored_rows(self.run, "ledger/"):
            rank = (-int(str(row["attempt"])), name)
            held = picked.get(str(row["sequence_id"]))
            if held is None or rank < held[0]:
                picked[str(row["sequence_id"])] = rank, row
        ledger = read_ledger(self.run)
        assert {row.sequence_id: (row.attempt, row.outcome.value, row.record_key) for row in ledger} == {
            i: (row["attempt"], row["outcome"], row["record_key"]) for i, (_, row) in picked.items()
        }
        assert [row.sequence_id for row in ledger] == sorted(picked)
        for row in ledger:
            found = read_record(self.run, row)
            assert found == self.records[found.detail]
            assert (found.outcome, found.sequence.id) == (row.outcome, row.sequence_id)


def read_text(text: object) -> str:
    return SequenceRecord.model_validate_json(str(text)).detail


TestWriters = Writers.TestCase
TestWriters.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)


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
