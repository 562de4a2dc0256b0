"""Rows into one file, a few hundred in memory. The same rows give the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

COMPRESSION: Final = "zstd"
GROUP_ROWS = 256


class RowWriter(Protocol):
    def add(self, row: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


class JsonLinesWriter:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def add(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")

    def close(self) -> None:
        self._file.close()


class ParquetWriter:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression=COMPRESSION, write_page_checksum=True)
        self._schema, self._waiting = schema, list[dict[str, Any]]()

    def add(self, row: dict[str, Any]) -> None:
        self._waiting.append(row)
        if len(self._waiting) >= GROUP_ROWS:
            self._write()

    def close(self) -> None:
        if self._waiting:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting.clear()


def open_writer(path: Path, schema: pa.Schema) -> RowWriter:
    """By the name's ending: `.parquet`, else JSON Lines."""
    return ParquetWriter(path, schema) if path.suffix == ".parquet" else JsonLinesWriter(path)
