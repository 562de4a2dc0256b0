"""What a run has of a sequence, whether it is going on, finished, or was stopped: no release is needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from codeseq_ray.cases import draw
from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.records import PlanRow, Rollout, SequenceRecord
from codeseq_ray.store import parquet
from codeseq_ray.store.ledger import LedgerRow, row_of
from codeseq_ray.store.merging import LedgerRows, read_rows
from codeseq_ray.store.reopening import read_reopened
from codeseq_ray.store.run import PLAN_SCHEMA, RunStore
from codeseq_ray.store.segments import RECORD_SCHEMA
from codeseq_ray.telling.settings import Sample

Told = SequenceRecord | Rollout
ROLLOUTS = frozenset({"rollouts", "evaluation"})
"""Kinds of runs whose records are answers of a policy."""


class Seen:
    """A run as it stands when this is made. Raises UsageError where no run is."""

    def __init__(self, run: RunStore) -> None:
        manifest = run.read_manifest()
        if manifest is None:
            raise UsageError(
                f"there is no run at {run.uri} (it would have a run.json): give <output>/<run-id>, not the output "
                "folder or a release"
            )
        self.run, self.manifest = run, manifest
        self.holds_rollouts = manifest.get("kind", "synthesis") in ROLLOUTS
        self.rows: LedgerRows = read_rows(run)

    @cached_property
    def numbers(self) -> frozenset[int]:
        """A-numbers that have an outcome."""
        return frozenset(self.rows.table["number"].to_pylist())

    def of(self, number: int) -> list[LedgerRow]:
        """The rows of one sequence, attempts (or a policy's samples) ascending."""
        found = self.rows.table.filter(pc.equal(self.rows.table["number"], number))
        return sorted(ledger_rows(found), key=lambda row: row.attempt)

    def counting(self) -> pa.Table:
        """The rows that count: of each sequence its highest attempt; of rollouts all."""
        table = self.rows.table
        if self.holds_rollouts or not len(table):
            return table
        number = table["number"].to_numpy()
        return table.filter(pa.array([True, *(number[1:] != number[:-1]).tolist()]))

    def drawn(self, sample: Sample, seed: int) -> list[LedgerRow]:
        """Rows of that outcome and reason, drawn by the seed; fewer where there are not so many."""
        table = self.counting()
        wanted = pc.equal(pc.cast(table["outcome"], pa.string()), sample.outcome.value)
        if sample.reason:
            wanted = pc.and_(wanted, pc.equal(pc.cast(table["reason"], pa.string()), sample.reason))
        rows = ledger_rows(table.filter(wanted))
        drawn = sorted(rows, key=lambda row: draw(seed, "show", row.sequence_id, str(row.attempt)))
        return drawn[: sample.count]

    def records(self, rows: Iterable[LedgerRow]) -> Iterator[Told]:
        """The records of these rows, in their order. Raises StoreError when one is gone."""
        for row in rows:
            for text in self.texts([row]):
                kind = Rollout if self.holds_rollouts else SequenceRecord
                yield kind.model_validate_json(text)

    def texts(self, rows: Iterable[LedgerRow]) -> Iterator[str]:
        """The records as JSON, segment by segment: each object is read once."""
        wanted: dict[str, set[tuple[str, int]]] = defaultdict(set)
        for row in rows:
            wanted[row.record_key].add((row.sequence_id, row.attempt))
        for key, body in self._segments(wanted):
            these, where = wanted[key], f"{self.run.uri}/{key}"
            table = parquet.decode(body, RECORD_SCHEMA, where)
            for found in table.to_pylist():
                if (found["sequence_id"], found["attempt"]) in these:
                    these.remove((found["sequence_id"], found["attempt"]))
                    yield found["record"]
            if these:
                raise StoreError(f"{where} lacks {min(these)[0]} although the ledger names it: restore it")

    def _segments(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        try:
            yield from self.run.read_all(names)
        except KeyError as error:
            raise StoreError(
                f"{self.run.store.uri}/{error.args[0]} is missing although the ledger names it: restore it"
            ) from None

    @cached_property
    def open_again(self) -> set[int]:
        """Sequences that `--retry` re-opened and that have no newer outcome yet."""
        highest: dict[int, int] = {}
        for number, attempt in zip(
            *(self.rows.table[n].to_pylist() for n in ("number", "attempt")), strict=True
        ):
            highest[number] = max(attempt, highest.get(number, 0))
        attempts = read_reopened(self.run).attempts
        return {number for number, attempt in attempts.items() if highest.get(number, 0) <= attempt}

    @property
    def plan_is_whole(self) -> bool:
        return "plan" in self.manifest

    def planned(self, number: int) -> PlanRow | None:
        """What the plan says of a sequence; None: it was not in the input."""
        for table in self.plan():
            found = table.filter(pc.equal(table["sequence_id"], f"A{number:06d}")).to_pylist()
            if found:
                return PlanRow.model_validate(found[0])
        return None

    def plan(self) -> Iterator[pa.Table]:
        """The stored plan, part by part."""
        names = [name for name in self.run.list("plan/") if name.endswith(".parquet")]
        for name, body in self.run.read_all(names):
            yield parquet.decode(body, PLAN_SCHEMA, f"{self.run.uri}/{name}")


def ledger_rows(table: pa.Table) -> list[LedgerRow]:
    return [row_of(row) for row in table.to_pylist()]
