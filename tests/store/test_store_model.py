"""Writers, readers, a merger and a publisher on a store that fails in every way, against a model of what must hold.

No outcome is lost, doubled, or acknowledged without its record; no reader sees half a release.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from synthetic import Died, MemoryStore, plan_row, record, stored_rows

from codeseq_ray.errors import IncompleteRunError, StoreError
from codeseq_ray.records import Outcome, SequenceRecord
from codeseq_ray.store import patient
from codeseq_ray.store.ledger import LedgerWriter, read_ledger, read_record
from codeseq_ray.store.merging import merge, read_rows
from codeseq_ray.store.patient import PatientStore
from codeseq_ray.store.releases import publish, read_latest
from codeseq_ray.store.run import RunStore

WRITES = st.lists(
    st.sampled_from(["fine", "lost", "reply lost", "repeated", "dies", "dies after"]), max_size=4
)
READS = st.lists(st.sampled_from(["fine", "fine", "lost", "cut"]), max_size=3)
LISTINGS = st.lists(st.one_of(st.sampled_from(["fine", "lost"]), st.integers(1, 20)), max_size=2)
NUMBERS = st.integers(1, 6)
WHICH = st.integers(0, 1)


class Store(RuleBasedStateMachine):
    """Two writers at a time, of which some are patient and some die with what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(patient, "FIRST_PAUSE", 0.0)
        self.store = MemoryStore()
        self.run = RunStore(self.store, "r")
        self.writers: dict[int, LedgerWriter] = {}
        self.told: dict[int, list[SequenceRecord]] = {}
        """By writer: outcomes added and not yet known to be written."""
        self.acknowledged: list[SequenceRecord] = []
        self.records: dict[str, SequenceRecord] = {}
        """Every outcome ever added, by its marker."""
        self.published: dict[str, bytes] = {}
        self.made = 0

    def teardown(self) -> None:
        """At last the store is well: what failed before goes through, and everybody sees it."""
        try:
            for which, writer in self.writers.items():
                writer.flush()
                assert writer.waiting == 0
                self.settle(which)
            self.every_acknowledged_outcome_is_in_the_ledger_with_its_record()
            self.each_id_has_the_outcome_that_the_rule_picks()
        finally:
            self.patch.undo()

    @contextmanager
    def weather(
        self,
        writes: Sequence[str] = (),
        reads: Sequence[str] = (),
        listings: Sequence[str | int] = (),
    ) -> Iterator[None]:
        self.store.faults, self.store.read_faults = list(writes), list(reads)
        self.store.listing_faults = list(listings)
        try:
            yield
        finally:
            self.store.faults, self.store.read_faults, self.store.listing_faults = [], [], []

    # ------------------------------------------------------------------------------------------ writers

    def writer(self, which: int, name: int) -> LedgerWriter:
        if which not in self.writers:
            # Names in no order: a later writer's segments may sort before an earlier one's.
            self.made += 1
            unique = f"{name:03d}-{self.made}"
            store = PatientStore(self.store, 60) if name % 2 else self.store
            run = RunStore(store, "r")
            self.writers[which] = LedgerWriter(run, "w", every=3, seconds=1e9, writer_id=unique)
            self.told[which] = []
        return self.writers[which]

    @rule(
        which=WHICH,
        name=st.integers(0, 999),
        number=NUMBERS,
        attempt=st.integers(1, 3),
        outcome=st.sampled_from(Outcome),
        writes=WRITES,
        reads=READS,
    )
    def add(
        self,
        which: int,
        name: int,
        number: int,
        attempt: int,
        outcome: Outcome,
        writes: list[str],
        reads: list[str],
    ) -> None:
        made = record(number, outcome, attempt=attempt, detail=f"marker {len(self.records)}")
        self.records[made.detail] = made
        writer = self.writer(which, name)
        if all(m.sequence.number != number or m.attempt != attempt for m in self.told[which]):
            self.told[which].append(made)
        try:
            with self.weather(writes, reads), suppress(StoreError):
                writer.add(made)
        except Died:
            self.die(which)
            return
        if writer.waiting == 0:
            self.settle(which)

    @rule(which=WHICH, name=st.integers(0, 999), writes=WRITES, reads=READS)
    def flush(self, which: int, name: int, writes: list[str], reads: list[str]) -> None:
        writer = self.writer(which, name)
        try:
            with self.weather(writes, reads):
                writer.flush()
        except StoreError:
            return
        except Died:
            self.die(which)
            return
        self.settle(which)

    @rule(which=WHICH)
    def die(self, which: int) -> None:
        self.writers.pop(which, None)
        self.told.pop(which, None)

    def settle(self, which: int) -> None:
        self.acknowledged += self.told[which]
        self.told[which] = []

    # ------------------------------------------------------------------------------------------ readers

    @rule(reads=READS, listings=LISTINGS)
    def read(self, reads: list[str], listings: list[str | int]) -> None:
        """A reader in bad weather is told so, or told the truth; of an old listing, an old truth."""
        try:
            with self.weather(reads=reads, listings=listings):
                ledger = read_ledger(self.run)
        except StoreError:
            return
        rows = list(ledger)
        assert len({row.sequence_id for row in rows}) == len(rows)
        for row in rows:
            found = read_record(self.run, row)
            assert found == self.records[found.detail]
            assert (found.outcome, found.attempt) == (row.outcome, row.attempt)
        if all(fault == "fine" for fault in listings):
            known = {row.sequence_id: row.attempt for row in rows}
            assert all(known.get(made.sequence.id, 0) >= made.attempt for made in self.acknowledged)

    @rule(reads=READS)
    def read_release(self, reads: list[str]) -> None:
        try:
            with self.weather(reads=reads):
                release = read_latest(self.run)
        except StoreError:
            return
        if release is not None:
            self.assert_whole(release.name)

    # ------------------------------------------------------------------------------------------ merging

    @rule(writes=WRITES, reads=READS, listings=LISTINGS)
    def merge(self, writes: list[str], reads: list[str], listings: list[str | int]) -> None:
        with suppress(StoreError, Died), self.weather(writes, reads, listings):
            merge(self.run, read_rows(self.run))

    @rule()
    def sweep(self) -> None:
        """What is covered goes, after a time that no listing lags behind."""
        for name in read_rows(self.run).covered:
            self.store.delete(self.run.key(name))
        self.store.past.clear()

    # --------------------------------------------------------------------------------------- publishing

    @rule(selected=st.sets(NUMBERS), old=LISTINGS, writes=WRITES, reads=READS, listings=LISTINGS)
    def publish(
        self,
        selected: set[int],
        old: list[str | int],
        writes: list[str],
        reads: list[str],
        listings: list[str | int],
    ) -> None:
        """What is published is exactly the outcomes of the selected ids; a failure publishes nothing."""
        try:
            with self.weather(listings=old):
                ledger = read_ledger(self.run)
        except StoreError:
            return
        known = {row.sequence_id: row for row in ledger}
        plan = [plan_row(n, reason="" if n in selected else "keyword") for n in range(1, 7)]
        missing = [n for n in selected if f"A{n:06d}" not in known]
        before = self.run.read_json("latest.json")
        if missing:
            with pytest.raises(IncompleteRunError, match=f"{len(missing)} of {len(selected)} selected"):
                publish(self.run, plan, ledger)
            assert self.run.read_json("latest.json") == before
        try:
            with self.weather(writes, reads, listings):
                release = publish(self.run, plan, ledger, partial=True)
        except (StoreError, Died):
            pointer = self.run.read_json("latest.json")
            if pointer != before:  # only the reply to the very last write was lost
                assert pointer is not None
                self.assert_whole(pointer["release"])
            release = publish(self.run, plan, ledger, partial=True)
        counts = release.manifest["counts"]
        assert counts["selected"] == len(selected)
        assert counts["missing"] == len(missing)
        ended = Counter(known[f"A{n:06d}"].outcome for n in selected if n not in missing)
        assert {o: counts[o.value] for o in Outcome} == {o: ended[o] for o in Outcome}
        drawn = {
            row["sequence_id"]: row["detail"]
            for _, row in stored_rows(self.run, f"{release.name}/data/rejected/")
        }
        wanted = {f"A{n:06d}" for n in selected} & set(known)
        assert drawn == {
            i: read_record(self.run, known[i]).detail for i in wanted if known[i].outcome is Outcome.REJECTED
        }

    def assert_whole(self, release: str) -> None:
        manifest = json.loads(self.store.objects[f"r/{release}/manifest.json"])
        for name, told in manifest["files"].items():
            body = self.store.objects[f"r/{release}/{name}"]
            assert (len(body), hashlib.sha256(body).hexdigest()) == (told["bytes"], told["sha256"])

    # --------------------------------------------------------------------------------- what always holds

    @invariant()
    def the_latest_release_is_whole(self) -> None:
        pointer = self.store.objects.get("r/latest.json")
        if pointer is not None:
            self.assert_whole(json.loads(pointer)["release"])

    @invariant()
    def releases_never_change(self) -> None:
        objects = self.store.objects
        for key, body in self.published.items():
            assert objects[key] == body
        self.published = {k: b for k, b in objects.items() if k.startswith("r/releases/")}

    @invariant()
    def every_acknowledged_outcome_is_in_the_ledger_with_its_record(self) -> None:
        markers = [read_text(row["record"]) for _, row in stored_rows(self.run, "records/")]
        assert len(markers) == len(set(markers)), "an outcome was written twice"
        in_ledger = {(row["sequence_id"], row["attempt"], row["record_key"]) for row in self.ledger_rows()}
        kept = {
            read_text(row["record"])
            for name, row in stored_rows(self.run, "records/")
            if (row["sequence_id"], row["attempt"], name) in in_ledger
        }
        # Of several outcomes of one attempt, merging keeps the one that counts.
        lost = [made for made in self.acknowledged if made.detail not in kept]
        told = {(row["sequence_id"], row["attempt"]) for row in self.ledger_rows()}
        assert all((made.sequence.id, made.attempt) in told for made in lost)
        assert not lost or list(self.run.list("merged/"))

    @invariant()
    def each_id_has_the_outcome_that_the_rule_picks(self) -> None:
        picked: dict[str, tuple[tuple[int, str], dict[str, object]]] = {}
        for row in self.ledger_rows():
            rank = (-row["attempt"], row["record_key"])
            held = picked.get(row["sequence_id"])
            if held is None or rank < held[0]:
                picked[row["sequence_id"]] = rank, row
        ledger = read_ledger(self.run)
        assert {row.sequence_id: (row.attempt, row.outcome.value, row.record_key) for row in ledger} == {
            i: (row["attempt"], row["outcome"], row["record_key"]) for i, (_, row) in picked.items()
        }
        assert [row.sequence_id for row in ledger] == sorted(picked)
        for row in ledger:
            found = read_record(self.run, row)
            assert found == self.records[found.detail]
            assert (found.outcome, found.sequence.id) == (row.outcome, row.sequence_id)

    def ledger_rows(self) -> list[dict[str, object]]:
        return [row for folder in ("ledger/", "merged/") for _, row in stored_rows(self.run, folder)]


def read_text(text: object) -> str:
    return SequenceRecord.model_validate_json(str(text)).detail


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
