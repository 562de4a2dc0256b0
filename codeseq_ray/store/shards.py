"""Rows into the Parquet files of a release, on the local disk first: their names need their number.

`data/<config>/<split>-NNNNN-of-NNNNN.parquet`, at most 5,000 rows each. The same rows in the same order give
the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.dataset.views import Row
from codeseq_ray.store.parquet import COMPRESSION

SHARD_ROWS = 5_000
GROUP_ROWS = 250
"""Rows of a row group: what is held in memory per config and split, a few MB."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A finished file: its name in the release, where it lies now, and how many rows it has."""

    name: str
    path: Path
    rows: int


@dataclass(slots=True)
class _Open:
    """The files of one config and split so far; the last one may still be open."""

    waiting: list[dict[str, Any]] = field(default_factory=list)
    done: list[tuple[Path, int]] = field(default_factory=list)
    writer: pq.ParquetWriter | None = None


class ShardWriter:
    """Takes rows in their final order, then says which files they became. `schemas`: config → columns."""

    def __init__(self, folder: Path, schemas: Mapping[str, pa.Schema]) -> None:
        self._folder, self._schemas = folder, schemas
        self._open: dict[tuple[str, str], _Open] = {}

    def add(self, row: Row) -> None:
        place = row.config, row.split
        files = self._open.setdefault(place, _Open())
        files.waiting.append(row.fields)
        if len(files.waiting) >= GROUP_ROWS:
            self._write(place)

    def finish(self) -> Iterator[Shard]:
        """All files, in the order of their names."""
        for place, files in sorted(self._open.items()):
            self._write(place)
            self._close(files)
            config, split = place
            total = len(files.done)
            for i, (path, rows) in enumerate(files.done):
                yield Shard(f"data/{config}/{split}-{i:05d}-of-{total:05d}.parquet", path, rows)

    def close(self) -> None:
        """Give back the open files of a release that is not to be finished."""
        for files in self._open.values():
            self._close(files)

    def _write(self, place: tuple[str, str]) -> None:
        files, schema = self._open[place], self._schemas[place[0]]
        if not files.waiting:
            return
        if files.writer is None:
            path = self._folder / f"{place[0]}-{place[1]}-{len(files.done)}.parquet"
            files.done.append((path, 0))
            files.writer = pq.ParquetWriter(path, schema, compression=COMPRESSION, write_page_checksum=True)
        path, rows = files.done[-1]
        files.writer.write_table(pa.Table.from_pylist(files.waiting, schema=schema))
        rows += len(files.waiting)
        files.done[-1] = path, rows
        files.waiting = []
        if rows >= SHARD_ROWS:
            self._close(files)

    @staticmethod
    def _close(files: _Open) -> None:
        if files.writer is not None:
            files.writer.close()
            files.writer = None
