"""Where the answers go: one object that appears when it is whole, or a folder of parts that can be gone on with.

A folder holds `judge.json` (what it was begun with), parts, for each part a mark (`marks/`: which rows of the input
it answers), and, at the end, `unjudged.…` and `summary.json`. A part without a mark was cut short, and is written
anew.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.pipeline.judging.answering import Answered
from codeseq_ray.pipeline.judging.encoding import table
from codeseq_ray.pipeline.judging.multipart import MultipartObject
from codeseq_ray.ports import ObjectStore
from codeseq_ray.settings import fingerprint, refuse_other

PART_BYTES = 16 << 20
PART_SECONDS = 60.0
"""A part is closed when it is this large or this old: what an interrupted start may lose."""
ROW_GROUP_BYTES = 16 << 20
"""Encoded answers that make a row group of a Parquet file."""


def no_rows() -> npt.NDArray[np.int64]:
    return np.empty((0, 2), dtype=np.int64)


class Answers(Protocol):
    """A place for answers. Raises StoreError when it cannot be written."""

    uri: str
    verdicts: Counter[str]
    """Of the answers that an earlier start left here."""
    walls: Counter[str]
    id_sum: int

    def begin(self, row_settings: dict[str, Any], digest: str) -> npt.NDArray[np.int64]:
        """Rows of the input that are answered already: first and one past the last of each stretch."""
        ...

    def add(self, block: Answered) -> None: ...

    def close(self, summary: dict[str, Any]) -> None: ...

    def abort(self) -> None:
        """The start ends before its end: keep what can be gone on with, and nothing else."""


# --------------------------------------------------------------------------------------------- one object


class Sink(Protocol):
    """Bytes on their way to one object, which is not there before `commit`."""

    def write(self, body: bytes) -> int: ...

    def commit(self) -> None: ...

    def abort(self) -> None: ...


class LocalFile:
    """A file that is written under another name beside its own."""

    def __init__(self, path: Path, *, replace: bool) -> None:
        self._path, self._replace = path, replace
        self._temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.part"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._temporary, "xb")  # noqa: SIM115 (open as long as the job)
        except OSError as error:
            raise UsageError(f"--output {path}: cannot be written ({error.strerror})") from error

    def write(self, body: bytes) -> int:
        try:
            return self._file.write(body)
        except OSError as error:
            raise self._error(error) from error

    def commit(self) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if self._replace:
                os.replace(self._temporary, self._path)
            else:
                os.link(self._temporary, self._path)
                self._temporary.unlink()
        except FileExistsError as error:
            raise StoreError(
                f"{self._path} was made by somebody else meanwhile; the answers are in {self._temporary}"
            ) from error
        except OSError as error:
            raise self._error(error) from error

    def abort(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _error(self, error: OSError) -> StoreError:
        return StoreError(f"cannot write {self._path}: {error.strerror or error}. Check the free space.")


class OneObject:
    """All answers in one file or S3 object."""

    def __init__(self, uri: str, format_: str, sink: Sink) -> None:
        self.uri, self._format, self._sink = uri, format_, sink
        self.verdicts: Counter[str] = Counter()
        self.walls: Counter[str] = Counter()
        self.id_sum = 0
        self._bodies: list[bytes] = []
        self._size = 0
        self._parquet: pq.ParquetWriter | None = None

    def begin(self, row_settings: dict[str, Any], digest: str) -> npt.NDArray[np.int64]:
        return no_rows()

    def add(self, block: Answered) -> None:
        for body in (block.body, block.unjudged):
            if self._format == "jsonl":
                self._sink.write(body)
            elif body:
                self._bodies.append(body)
                self._size += len(body)
        if self._size >= ROW_GROUP_BYTES:
            self._write_row_group()

    def close(self, summary: dict[str, Any]) -> None:
        if self._format == "parquet":
            if self._bodies or self._parquet is None:  # no answers make a table, too
                self._write_row_group()
            assert self._parquet is not None
            self._parquet.close()
        self._sink.commit()

    def abort(self) -> None:
        self._sink.abort()

    def _write_row_group(self) -> None:
        rows = table(self._bodies)
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(_Writable(self._sink), rows.schema, compression="zstd")
        self._parquet.write_table(rows)
        self._bodies, self._size = [], 0


class _Writable:
    """A sink as the file object that Arrow writes to. Closing it commits nothing."""

    closed = False

    def __init__(self, sink: Sink) -> None:
        self._sink, self._position = sink, 0

    def write(self, body: Any) -> int:
        data = bytes(body)
        self._sink.write(data)
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


# ----------------------------------------------------------------------------------------------- a folder


class Parts:
    """Answers as parts in a folder of any store."""

    def __init__(self, store: ObjectStore, format_: str) -> None:
        self.uri, self._store, self._format = store.uri, store, format_
        self.verdicts: Counter[str] = Counter()
        self.walls: Counter[str] = Counter()
        self.id_sum = 0
        self._next = 0
        self._bodies: list[bytes] = []
        self._unjudged: list[bytes] = []
        self._fresh()

    def _fresh(self) -> None:
        self._bodies, self._rows = [], list[int]()
        self._part_verdicts, self._part_walls = Counter[str](), Counter[str]()
        self._part_ids, self._size, self._begun = 0, 0, time.monotonic()

    def begin(self, row_settings: dict[str, Any], digest: str) -> npt.NDArray[np.int64]:
        mark = fingerprint(row_settings, digest)
        try:
            stored = json.loads(self._store.get("judge.json"))
        except KeyError:
            if (there := next(iter(self._store.list("")), None)) is not None:
                raise UsageError(
                    f"--output {self.uri}: this folder holds something else ({there}, for one); give a new one, or a "
                    "name that ends in .jsonl or .parquet"
                ) from None
            begun_with = {"fingerprint": mark, "row_settings": row_settings, "input_digest": digest}
            self._store.put("judge.json", _json(begun_with))
            return no_rows()
        except ValueError as error:
            raise UsageError(f"--output {self.uri}: its judge.json is damaged; give a new folder") from error
        if stored.get("fingerprint") != mark:
            before = {**stored.get("row_settings", {}), "input": stored.get("input_digest")}
            now = {**row_settings, "input": digest}
            refuse_other(f"--output {self.uri}", before, now, instead="--output")
        return self._read_marks()

    def _read_marks(self) -> npt.NDArray[np.int64]:
        stretches: list[list[int]] = []
        for key in self._store.list("marks/"):
            mark = json.loads(self._store.get(key))
            stretches += mark["rows"]
            self.verdicts.update(mark["verdicts"])
            self.walls.update(mark["walls"])
            self.id_sum = (self.id_sum + int(mark["id_sum"])) % (1 << 64)
            self._next = max(self._next, int(mark["part"]) + 1)
        return np.array(sorted(stretches), dtype=np.int64) if stretches else no_rows()

    def add(self, block: Answered) -> None:
        # What was not judged is judged by the next start: it has no place in a part, and no mark.
        if block.unjudged:
            self._unjudged.append(block.unjudged)
        self._rows += block.rows
        self._part_ids = (self._part_ids + block.id_sum) % (1 << 64)
        self._part_verdicts.update({v: n for v, n in block.verdicts.items() if v != "infrastructure"})
        self._part_walls.update(block.walls)
        if block.body:
            self._bodies.append(block.body)
            self._size += len(block.body)
        if self._size >= PART_BYTES or time.monotonic() - self._begun >= PART_SECONDS:
            self._write_part()

    def close(self, summary: dict[str, Any]) -> None:
        self._write_part()
        suffix = f".{self._format}"
        if self._unjudged:
            self._store.put(f"unjudged{suffix}", self._whole(self._unjudged))
        else:
            self._store.delete(f"unjudged{suffix}")
        self._store.put("summary.json", _json(summary))

    def abort(self) -> None:
        with suppress(StoreError):
            self._write_part()

    def _write_part(self) -> None:
        if self._rows:
            name = f"part-{self._next:05d}"
            if not self._store.put_new(f"{name}.{self._format}", self._whole(self._bodies)) and self._marked(
                name
            ):
                raise UsageError(
                    f"--output {self.uri}: another start is writing its answers there; wait for it, or give a folder "
                    "of its own"
                )
            mark = {
                "part": self._next,
                "rows": _stretches(self._rows),
                "verdicts": self._part_verdicts,
                "walls": self._part_walls,
                "id_sum": str(self._part_ids),
            }
            self._store.put(f"marks/{name}.json", _json(mark))
            self._next += 1
        self._fresh()

    def _marked(self, name: str) -> bool:
        """Whether the part there is somebody's, finished: one that was left without its mark is written over."""
        try:
            self._store.get(f"marks/{name}.json")
        except KeyError:
            self._store.put(f"{name}.{self._format}", self._whole(self._bodies))
            return False
        return True

    def _whole(self, bodies: list[bytes]) -> bytes:
        if self._format == "jsonl":
            return b"".join(bodies)
        sink = pa.BufferOutputStream()
        pq.write_table(table(bodies), sink, compression="zstd")
        body: bytes = sink.getvalue().to_pybytes()
        return body


def _stretches(rows: Iterable[int]) -> list[list[int]]:
    """Row numbers as first and one past the last of each stretch."""
    found: list[list[int]] = []
    for row in sorted(rows):
        if found and found[-1][1] == row:
            found[-1][1] = row + 1
        else:
            found.append([row, row + 1])
    return found


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


# --------------------------------------------------------------------------------------------- which of them


def format_of(output: str, asked: str | None) -> tuple[str, bool]:
    """The kind of the answers, and whether they are one object. Raises UsageError for other kinds of files."""
    for kind in ("jsonl", "parquet"):
        if output.endswith(f".{kind}"):
            return kind, True
    if output.endswith((".gz", ".zst", ".json", ".csv", ".txt")):
        raise UsageError(
            f"--output {output}: one file has to end in .jsonl or .parquet; other names are folders"
        )
    return asked or "jsonl", False


def one_object(uri: str, *, overwrite: bool) -> Sink:
    """Raises UsageError where something is already, and may not be replaced."""
    if uri.startswith("s3://"):
        return MultipartObject(uri, overwrite=overwrite)
    path = Path(uri)
    if path.is_dir():
        raise UsageError(f"--output {uri}: is a folder; a name that ends in .jsonl or .parquet is one file")
    if path.exists() and not overwrite:
        raise UsageError(f"--output {uri}: is there already; --overwrite replaces it")
    return LocalFile(path, replace=overwrite)
