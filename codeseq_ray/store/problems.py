"""Finished problems to ask a policy: a release's split, or a file with the same columns. Read part by part."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import InputError
from codeseq_ray.ports import ObjectStore

FILE_SUFFIXES = (".parquet", ".jsonl")
_ID = re.compile(r"A([0-9]{6}|[1-9][0-9]{6,17})")
"""As the OEIS writes it: an A-number has one spelling, and the ledger knows it by its number."""
_BATCH_ROWS = 64

Row = dict[str, Any]


@dataclass(frozen=True)
class ProblemFiles:
    """The files that hold the problems, in order. Small to send; `rows` needs the store that they lie in."""

    folder: str
    """Before every name; empty, or with a slash at its end."""
    names: tuple[str, ...]

    def rows(self, store: ObjectStore, name: str) -> Iterator[Row]:
        """The rows of one file. Raises InputError for what is no table of problems."""
        where = f"{store.uri}/{self.folder}{name}"
        try:
            body = store.get(f"{self.folder}{name}")
        except KeyError:
            raise InputError(f"there is no file {where}") from None
        read = _lines(body, where) if name.endswith(".jsonl") else _table(body, where)
        for place, row in enumerate(read, 1):
            if not isinstance(row, dict) or not _ID.fullmatch(str(row.get("sequence_id", ""))):
                raise InputError(
                    f"{where}, row {place}: lacks a sequence_id like A000045: expected the columns of the config "
                    "`problems` (docs/output.md)"
                )
            yield row


@dataclass(frozen=True)
class ProblemIds:
    """What a first reading tells: which problems there are, and what stands for their content."""

    numbers: tuple[int, ...]
    """A-numbers in ascending order."""
    digest: str
    """SHA-256 over the files; the same wherever they lie."""


def survey(store: ObjectStore, files: ProblemFiles, check: Callable[[Row], object]) -> ProblemIds:
    """Read all problems once, and have each checked before anything is paid for.

    Raises InputError when one stands twice, there is none, or `check` raises it: then with file and row.
    """
    digest = hashlib.sha256()
    numbers: set[int] = set()
    for name in files.names:
        where = f"{store.uri}/{files.folder}{name}"
        for place, row in enumerate(files.rows(store, name), 1):
            number = int(row["sequence_id"][1:])
            if number in numbers:
                raise InputError(f"{where} holds {row['sequence_id']} a second time")
            try:
                check(row)
            except InputError as error:
                raise InputError(f"{where}, row {place}: {error}") from None
            numbers.add(number)
            digest.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
    if not numbers:
        raise InputError(f"{store.uri}/{files.folder} holds no problem of this split")
    return ProblemIds(tuple(sorted(numbers)), digest.hexdigest())


def _lines(body: bytes, where: str) -> Iterator[Any]:
    for number, line in enumerate(body.split(b"\n"), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(f"{where} line {number}: is not JSON: {error}") from None


def _table(body: bytes, where: str) -> Iterator[Any]:
    try:
        for batch in pq.ParquetFile(pa.BufferReader(body)).iter_batches(_BATCH_ROWS):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{where} cannot be read as Parquet: {error}") from None
