"""All of the input, read once before a program runs: its rows counted, its ids compared, its content digested.

Reading costs a hundredth of judging. What it buys: an id that several rows have is known before any of them is
judged; messages name lines of the file although workers read slices; a start knows whether it goes on with the same
input; progress knows its end; and at the end it can be shown that every row went through exactly once.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray
from ray.data import Dataset

from codeseq_ray.errors import InfrastructureError, InputError
from codeseq_ray.pipeline.cluster import READ_CPUS
from codeseq_ray.pipeline.judging.inputs import Kind, Slice, batches, footer, lines
from codeseq_ray.pipeline.judging.rows import decoded, read_id
from codeseq_ray.pipeline.source import PartSource

SCAN_CPUS = 0.9
_BATCH = 1024
_SHOWN_PLACES = 3

SCANNED = pa.schema(
    [
        ("slice", pa.int64()),
        ("rows", pa.int64()),
        ("lines", pa.int64()),
        ("digests", pa.large_binary()),
        ("content", pa.string()),
        ("trouble", pa.string()),
    ]
)
FOUND = pa.schema([("id", pa.string()), ("row", pa.int64()), ("place", pa.string())])


@dataclass(frozen=True)
class Shared:
    """An id that several rows have."""

    first_row: int
    places: tuple[str, ...]
    """The first few."""
    count: int


@dataclass(frozen=True)
class Scan:
    slices: tuple[Slice, ...]
    rows: int
    id_sum: int
    """Sum of the digests of all rows' ids: what went through must add up to it."""
    shared: dict[str, Shared]
    digest: str
    """Of the input's content."""


def read(
    slices: Sequence[Slice],
    tables: Callable[[Slice], Iterator[pa.Table]],
    *,
    num_cpus: float = READ_CPUS,
    readers: int | None = None,
) -> Dataset:
    """A dataset of the tables that `tables` makes of each slice."""
    dataset: Dataset = ray.data.read_datasource(
        PartSource(slices, tables),
        num_cpus=num_cpus,
        concurrency=readers,
        override_num_blocks=max(1, len(slices)),
    )
    return dataset


def stream(dataset: Dataset) -> Iterator[dict[str, Any]]:
    """Run the dataset's graph; its rows as they come. Raises InfrastructureError when Ray gives a task up."""
    table: Any
    try:
        for table in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
            yield from table.to_pylist()
    except ray.exceptions.RayError as error:
        raise InfrastructureError(
            f"Ray gave a task up: {error}\nWhere the output is a folder, the same command goes on from here."
        ) from error


def digest_of(row_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(row_id.encode(), digest_size=8).digest(), "little")


def scan(slices: Sequence[Slice]) -> Scan:
    """Raises InputError when a file cannot be read to its end."""
    if not slices:
        return Scan((), 0, 0, {}, hashlib.sha256().hexdigest()[:16])
    told = sorted(stream(read(slices, _scanned, num_cpus=SCAN_CPUS)), key=lambda row: int(row["slice"]))
    if trouble := next((row["trouble"] for row in told if row["trouble"]), ""):
        raise InputError(trouble)
    placed: list[Slice] = []
    first_row, last_path, line = 0, "", 0
    content = hashlib.sha256()
    for part, row in zip(slices, told, strict=True):
        if part.path != last_path:
            last_path, line = part.path, 0
        placed.append(replace(part, first_row=first_row, first_line=line))
        first_row, line = first_row + row["rows"], line + row["lines"]
        content.update(f"{part.name}\n{part.kind}\n{row['rows']}\n{row['content']}\n".encode())
    digests = np.concatenate([np.frombuffer(row["digests"], dtype="<u8") for row in told])
    return Scan(
        tuple(placed),
        first_row,
        int(digests.sum(dtype=np.uint64)),
        _shared(placed, digests),
        content.hexdigest()[:16],
    )


def _scanned(part: Slice) -> Iterator[pa.Table]:
    digests = array("Q")
    content = hashlib.blake2b(digest_size=16)
    counts = [0, 0]
    trouble = ""
    try:
        digests.extend(digest_of(i) for i in _ids(part, content, counts) if i is not None)
    except (OSError, pa.ArrowException) as error:
        trouble = (
            f"{part.name} cannot be read to its end on this node: {error}. Is it damaged, or on a disk of another "
            "node? A local input has to be on one that all nodes share."
        )
    told = {
        "slice": part.index,
        "rows": counts[0],
        "lines": counts[1],
        "digests": digests.tobytes(),
        "content": content.hexdigest(),
        "trouble": trouble,
    }
    yield pa.Table.from_pylist([told], schema=SCANNED)


def _ids(part: Slice, content: Any, counts: list[int]) -> Iterator[str | None]:
    """The ids of a slice's rows; `counts` holds rows and lines so far."""
    if part.kind is Kind.PARQUET:
        for batch in batches(part, _BATCH, ("id",)):
            for values in batch.to_pylist():
                counts[0] += 1
                counts[1] += 1
                row_id = read_id(values)
                content.update(repr(row_id).encode() + b"\n")
                yield row_id
        # The other columns are not read here: their sizes and statistics have to do.
        content.update(footer(part))
        return
    for line in lines(part):
        counts[1] += 1
        content.update(b"\0" if line is None else line + b"\n")
        if line is None or line.strip():
            counts[0] += 1
            values = decoded(line) if line is not None else ""
            yield read_id(values) if isinstance(values, dict) else None


def _shared(slices: Sequence[Slice], digests: npt.NDArray[np.uint64]) -> dict[str, Shared]:
    """Ids of several rows. Equal digests only tell where to look; the ids themselves are compared."""
    ordered = np.sort(digests)
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(again):
        return {}
    suspects = ray.put(again)

    def suspected(part: Slice) -> Iterator[pa.Table]:
        wanted: npt.NDArray[np.uint64] = ray.get(suspects)
        counts = [0, 0]
        rows: list[dict[str, Any]] = []
        for row_id in _ids(part, hashlib.blake2b(), counts):
            if row_id is not None and _within(wanted, digest_of(row_id)):
                row = part.first_row + counts[0] - 1
                rows.append({"id": row_id, "row": row, "place": place(part, part.first_line + counts[1])})
            if len(rows) >= _BATCH:
                yield pa.Table.from_pylist(rows, schema=FOUND)
                rows = []
        yield pa.Table.from_pylist(rows, schema=FOUND)

    return _of_several(stream(read(slices, suspected, num_cpus=SCAN_CPUS)))


def _of_several(found: Iterable[dict[str, Any]]) -> dict[str, Shared]:
    rows: dict[str, list[tuple[int, str]]] = {}
    counts: dict[str, int] = {}
    for one in found:
        places = rows.setdefault(one["id"], [])
        places.append((one["row"], one["place"]))
        places.sort()
        del places[_SHOWN_PLACES:]
        counts[one["id"]] = counts.get(one["id"], 0) + 1
    return {
        row_id: Shared(places[0][0], tuple(place for _, place in places), counts[row_id])
        for row_id, places in rows.items()
        if counts[row_id] > 1
    }


def _within(ordered: npt.NDArray[np.uint64], value: int) -> bool:
    at = int(np.searchsorted(ordered, np.uint64(value)))
    return at < len(ordered) and int(ordered[at]) == value


def place(part: Slice, number: int) -> str:
    """Where a row stands, for a person. Lines and rows count from 1."""
    return f"{part.name} {'row' if part.kind is Kind.PARQUET else 'line'} {number}"
