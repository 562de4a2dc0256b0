"""The files of a mix: made on the local disk, then put where they belong, the manifest last."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import UsageError
from codeseq_ray.mixing.ratio import CODESEQ, GENERAL
from codeseq_ray.mixing.screening import MESSAGES
from codeseq_ray.ports import ObjectStore
from codeseq_ray.store.objects import put_once
from codeseq_ray.store.parquet import COMPRESSION

MANIFEST, CARD = "mix.json", "README.md"
FILE_ROWS = 20_000
"""Rows of a file: some 20 MB."""
GROUP_ROWS = 1_000

_OURS = re.compile(r"mix\.json|README\.md|(?:data/train|dropped/rows)-\d{5}-of-\d{5}\.parquet")

MIXED = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("messages", MESSAGES, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("license", pa.string(), nullable=False),
        pa.field("source_url", pa.string()),
    ]
)
DROPPED = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string()),
        pa.field("row", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class File:
    """A finished file: its name in the mix, where it lies now, and its rows."""

    name: str
    path: Path
    rows: int


class Files:
    """Parquet files of so many rows each, `<name>-NNNNN-of-NNNNN.parquet`. The same rows give the same bytes."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self._folder, self._name, self._schema = folder, name, schema
        self._waiting: list[pa.Table] = []
        self._rows_waiting = 0
        self._done: list[tuple[Path, int]] = []
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._rows_waiting += table.num_rows
        if self._rows_waiting >= GROUP_ROWS:
            self._write(self._rows_waiting // GROUP_ROWS * GROUP_ROWS)

    def finish(self) -> list[File]:
        self._write(self._rows_waiting)
        self.close()
        total = len(self._done)
        return [
            File(f"{self._name}-{i:05d}-of-{total:05d}.parquet", path, rows)
            for i, (path, rows) in enumerate(self._done)
        ]

    def close(self) -> None:
        """Give back an open file of a mix that is not to be finished."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, rows: int) -> None:
        if not rows:
            return
        table = pa.concat_tables(self._waiting)
        for start in range(0, rows, GROUP_ROWS):
            # In one piece: how it was cut before must not show in the bytes.
            self._write_group(table.slice(start, min(GROUP_ROWS, rows - start)).combine_chunks())
        self._waiting = [table.slice(rows).combine_chunks()]
        self._rows_waiting -= rows

    def _write_group(self, table: pa.Table) -> None:
        if self._writer is None:
            path = self._folder / f"{self._name.replace('/', '-')}-{len(self._done)}"
            self._done.append((path, 0))
            self._writer = pq.ParquetWriter(
                path, self._schema, compression=COMPRESSION, write_page_checksum=True, write_statistics=False
            )
        self._writer.write_table(table)
        self.rows += table.num_rows
        path, rows = self._done[-1]
        self._done[-1] = path, rows + table.num_rows
        if rows + table.num_rows >= FILE_ROWS:
            self.close()


def mixed_rows(table: pa.Table) -> pa.Table:
    """Rows of the mix from rows of `screening.ROWS`."""
    return _with_origin(table).select(MIXED.names).cast(MIXED)


def dropped_rows(table: pa.Table) -> pa.Table:
    """Rows beside the mix; a duplicate is only now known as one, and is written as the others are."""
    rows = []
    for row in _with_origin(table).to_pylist():
        if row["row"] is None:
            told = {name: row[name] for name in ("id", "messages", "source", "license", "source_url")}
            row["row"] = json.dumps(told, ensure_ascii=False, sort_keys=True)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=DROPPED)


def _with_origin(table: pa.Table) -> pa.Table:
    names = [GENERAL if general else CODESEQ for general in table["general"].to_pylist()]
    return table.append_column("origin", pa.array(names, pa.string()))


def sources_of(table: pa.Table) -> Counter[tuple[str, str, str]]:
    """Rows of `MIXED` by origin, source and licence."""
    columns = [table[name].to_pylist() for name in ("origin", "source", "license")]
    return Counter(zip(*columns, strict=True))


# ---------------------------------------------------------------------------------------------- publishing


def require_room(store: ObjectStore, output: str, *, overwrite: bool) -> None:
    """Raises UsageError unless nothing lies there, or only a mix that may be replaced."""
    ours = False
    for key in store.list(""):
        if _OURS.fullmatch(key) is None:
            raise UsageError(f"--output {output}: {key} lies there, which is of no mix. Give another place.")
        ours = True
    if ours and not overwrite:
        raise UsageError(
            f"--output {output}: a mix, or the beginning of one, lies there. Give another place, or --overwrite."
        )


def publish(store: ObjectStore, files: list[File], card: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """Take away what is to be replaced, put all files, and the manifest last; returns it.

    Whoever finds a manifest finds every file that it names. Raises StoreError when the store fails: a mix without a
    manifest is left then.
    """
    for key in (MANIFEST, *filter(_OURS.fullmatch, list(store.list("")))):
        store.delete(key)
    listed: dict[str, dict[str, Any]] = {}
    for file in files:
        body = file.path.read_bytes()
        put_once(store, file.name, body)
        listed[file.name] = {**_file(body), "rows": file.rows}
    readme = card.encode()
    put_once(store, CARD, readme)
    listed[CARD] = _file(readme)
    manifest = {**manifest, "files": listed}
    put_once(store, MANIFEST, json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n")
    return manifest


def _file(body: bytes) -> dict[str, Any]:
    return {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
