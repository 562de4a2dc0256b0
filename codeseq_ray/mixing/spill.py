"""Rows put in the order of their keys with little in memory: on the local disk, in buckets by ranges of keys.

How many buckets there are does not show in the order. Needs free space in the temporary folder (`TMPDIR`) for the
rows that are kept, lightly compressed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from codeseq_ray.errors import StoreError
from codeseq_ray.mixing.screening import KEYS, ROWS

BUFFER_BYTES = 24 << 20
"""Rows that are held before they go to their buckets: each then gets one piece of a useful size."""
BUCKET_BYTES = 16 << 20
"""Of input files, for each bucket: two or three times as much in memory when files are compressed."""
FEWEST_BUCKETS, MOST_BUCKETS = 8, 4096

_IPC = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_ORDER = [(name, "ascending") for name in KEYS]


def buckets_for(input_bytes: int) -> int:
    return min(MOST_BUCKETS, max(FEWEST_BUCKETS, -(-input_bytes // BUCKET_BYTES)))


class Buckets:
    """Takes tables of `screening.ROWS` in any order and gives them back sorted, bucket by bucket."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Raises StoreError when the disk is full."""
        self.rows += table.num_rows
        self._waiting.append(table)
        self._bytes += table.nbytes
        if self._bytes >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting).combine_chunks()
        self._waiting, self._bytes = [], 0
        owners = self._bucket_of(table["order"].to_numpy())
        order = np.argsort(owners, kind="stable")
        table, owners = table.take(pa.array(order)), owners[order]
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(owners)], strict=True):
            self._append(int(owners[start]), table.slice(start, end - start))

    def sorted(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All rows in order, a bucket at a time; with `columns`, only these and the keys."""
        self.flush()
        names = None if columns is None else {*KEYS, *columns}
        wanted = None if names is None else [i for i, name in enumerate(ROWS.names) if name in names]
        for number in range(self._count):
            path = self._path(number)
            if path.exists():
                table = pa.concat_tables(_streams(path, wanted))
                yield table.take(pc.sort_indices(table, sort_keys=_ORDER)).combine_chunks()

    def _bucket_of(
        self, order: np.ndarray[tuple[int], np.dtype[np.uint64]]
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        # By the upper half, which times the number of buckets stays within 64 bits.
        return ((order >> np.uint64(32)) * np.uint64(self._count) >> np.uint64(32)).astype(np.int64)

    def _append(self, number: int, table: pa.Table) -> None:
        try:
            with (
                open(self._path(number), "ab") as file,
                pa.ipc.new_stream(file, ROWS, options=_IPC) as stream,
            ):
                stream.write_table(table)
        except OSError as error:
            raise StoreError(
                f"cannot write to {self._folder}: {error}. All rows pass through it: free space there, "
                "or set TMPDIR to another disk."
            ) from error

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:04d}"


def _streams(path: Path, columns: list[int] | None) -> Iterator[pa.Table]:
    """The pieces of a bucket: one Arrow stream after the other."""
    options = pa.ipc.IpcReadOptions(included_fields=columns, use_threads=False)
    size = path.stat().st_size
    with pa.OSFile(str(path), "rb") as file:
        while file.tell() < size:
            with pa.ipc.open_stream(file, options=options) as stream:
                yield stream.read_all()
