"""OEIS shards as Ray Data sources: one pass that screens every record, one that streams the chosen ones."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray
from ray.data import DataContext, Dataset, Datasource, ReadTask
from ray.data.block import BlockMetadata

from codeseq_ray.oeis.diagnostics import Diagnostic
from codeseq_ray.oeis.source import Shard
from codeseq_ray.pipeline.cluster import READ_CPUS
from codeseq_ray.records import PlanRow, Sequence, Split
from codeseq_ray.selection.plan import Screened, screen_record
from codeseq_ray.selection.rules import SelectionSettings

Part = TypeVar("Part")

_SCREENED_ROWS = 5000
_SEQUENCE_ROWS = 64
_SHOWN_DIAGNOSTICS = 100
"""Diagnostics of each code that a shard reports in full; all are counted."""

SCREENED = pa.schema(
    [
        ("number", pa.int64()),
        ("reason", pa.string()),
        ("template_key", pa.int64()),
        ("term_keys", pa.list_(pa.int64())),
        ("diagnostic_code", pa.string()),
        ("diagnostic", pa.string()),
        ("count", pa.int64()),
    ]
)
SEQUENCES = pa.schema(
    [
        ("number", pa.int64()),
        ("sequence", pa.large_string()),
        ("family", pa.string()),
        ("split", pa.string()),
        ("attempt", pa.int64()),
        ("reopened", pa.int64()),
    ]
)


def read(shards: Iterable[Shard], tables: Callable[[Shard], Iterator[pa.Table]]) -> Dataset:
    """A dataset of the tables that `tables` makes of each shard."""
    source = PartSource(shards, tables)
    # As many blocks as shards: left to itself, Ray Data cuts every block that one file yields into 200.
    dataset: Dataset = ray.data.read_datasource(source, num_cpus=READ_CPUS, override_num_blocks=source.count)
    return dataset


def results(dataset: Dataset) -> Iterator[list[dict[str, Any]]]:
    """Run the dataset's graph and yield the rows of each block as it is done."""
    table: Any
    for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        yield table.to_pylist()


class PartSource(Datasource, Generic[Part]):
    """One read task per part of an input; `tables` turns a part into a stream of small tables."""

    def __init__(self, parts: Iterable[Part], tables: Callable[[Part], Iterator[pa.Table]]) -> None:
        self._parts = tuple(parts)
        self._tables = tables

    @property
    def count(self) -> int:
        return len(self._parts)

    def estimate_inmemory_data_size(self) -> int | None:
        return None

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ReadTask]:
        metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [self._read_task(part, metadata) for part in self._parts]

    def _read_task(self, part: Part, metadata: BlockMetadata) -> ReadTask:
        tables = self._tables
        return ReadTask(lambda: tables(part), metadata)


def screened_tables(settings: SelectionSettings) -> Callable[[Shard], Iterator[pa.Table]]:
    """Every record of a shard as its rule's verdict and its family keys; diagnostics as rows of their own."""

    def read(shard: Shard) -> Iterator[pa.Table]:
        rows: list[dict[str, Any]] = []
        counts: Counter[str] = Counter()
        for item in shard.read():
            if isinstance(item, Diagnostic):
                counts[item.code] += 1
                if counts[item.code] <= _SHOWN_DIAGNOSTICS:
                    rows.append({"diagnostic_code": str(item.code), "diagnostic": str(item), "count": 1})
            else:
                rows.append(_row(screen_record(item, settings)))
            if len(rows) >= _SCREENED_ROWS:
                yield pa.Table.from_pylist(rows, schema=SCREENED)
                rows = []
        for code, count in counts.items():
            if count > _SHOWN_DIAGNOSTICS:
                rows.append({"diagnostic_code": str(code), "count": count - _SHOWN_DIAGNOSTICS})
        yield pa.Table.from_pylist(rows, schema=SCREENED)

    return read


def _row(screened: Screened) -> dict[str, Any]:
    return {
        "number": screened.number,
        "reason": screened.reason,
        "template_key": screened.template_key,
        "term_keys": list(screened.term_keys),
    }


@dataclass(frozen=True)
class Todo:
    """The sequences to work on, as columns: small enough to send to every reader (25 bytes a sequence)."""

    numbers: npt.NDArray[np.int64]
    """Ascending A-numbers."""
    families: npt.NDArray[np.int64]
    """A-number that names the family of each."""
    splits: npt.NDArray[np.uint8]
    """Position in `Split` of each."""
    attempts: npt.NDArray[np.int32]
    reopened: npt.NDArray[np.int32]
    """How often an outcome of each was re-opened: models are then asked anew, not replayed."""

    @classmethod
    def of(cls, rows: Iterable[PlanRow]) -> Todo:
        """From plan rows in ascending order of their A-numbers; every sequence is at its first attempt."""
        order = list(Split)
        numbers, families, splits = array("q"), array("q"), array("B")
        for row in rows:
            numbers.append(int(row.sequence_id[1:]))
            families.append(int(row.family[1:]))
            splits.append(order.index(row.split))
        return cls(
            np.array(numbers, dtype=np.int64),
            np.array(families, dtype=np.int64),
            np.array(splits, dtype=np.uint8),
            np.ones(len(numbers), dtype=np.int32),
            np.zeros(len(numbers), dtype=np.int32),
        )

    def where(
        self, mask: npt.NDArray[np.bool_], attempt: Callable[[int], int], reopened: Callable[[int], int]
    ) -> Todo:
        """Those under the mask, each with the number of its next attempt, and how often it was re-opened."""
        numbers = self.numbers[mask]
        attempts, times = (
            np.array([of(number) for number in numbers.tolist()], dtype=np.int32)
            for of in (attempt, reopened)
        )
        return Todo(numbers, self.families[mask], self.splits[mask], attempts, times)

    def __len__(self) -> int:
        return len(self.numbers)

    def position(self, number: int) -> int | None:
        at = int(np.searchsorted(self.numbers, number))
        return at if at < len(self.numbers) and self.numbers[at] == number else None


def sequence_tables(todo: Todo) -> Callable[[Shard], Iterator[pa.Table]]:
    """The records of a shard that are to be worked on, each once, with what the plan says of them."""

    shared = ray.put(todo)  # once, not once per shard

    def read(shard: Shard) -> Iterator[pa.Table]:
        todo: Todo = ray.get(shared)
        splits = list(Split)
        seen = np.zeros(len(todo), dtype=bool)
        rows: list[dict[str, Any]] = []
        for item in shard.read(wanted=lambda number: todo.position(number) is not None):
            at = todo.position(item.number) if isinstance(item, Sequence) else None
            if not isinstance(item, Sequence) or at is None or seen[at]:
                continue
            seen[at] = True
            rows.append(
                {
                    "number": item.number,
                    "sequence": item.model_dump_json(),
                    "family": f"A{int(todo.families[at]):06d}",
                    "split": splits[int(todo.splits[at])].value,
                    "attempt": int(todo.attempts[at]),
                    "reopened": int(todo.reopened[at]),
                }
            )
            if len(rows) >= _SEQUENCE_ROWS:
                yield pa.Table.from_pylist(rows, schema=SEQUENCES)
                rows = []
        yield pa.Table.from_pylist(rows, schema=SEQUENCES)

    return read
