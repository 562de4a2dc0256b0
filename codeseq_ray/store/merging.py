"""Ledger rows gathered from many small segments, and segments merged so that the next reading is short.

merged/NNNNNN-<id>.parquet   the rows of all segments that its footer names under `covers`

A merged segment is a ledger segment like any other, only larger: rows are picked by attempt and by the segment
that they were first written in, which their `record_key` tells. So it does not matter whether a reader takes a
segment, one that covers it, or both, nor how many merge at the same time. What is covered stays until it is swept
(`sweeping.py`), for readers that do not see the newest yet.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import StoreError
from codeseq_ray.store import parquet
from codeseq_ray.store.objects import put_once
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import LEDGER_SCHEMA

MERGE_AT = 256
"""Segments that lie apart before it is worth merging: a second of reading."""
_COVERS = b"covers"
_NUMBER = re.compile(r"merged/(\d{6,})-")
_READINGS = 3
"""Of a ledger whose segments are swept away while it is read."""

_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
ROWS_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("attempt", pa.int32()),
        ("outcome", _DICTIONARY),
        ("reason", _DICTIONARY),
        ("rounds", pa.int32()),
        ("tokens", pa.int64()),
        ("record_key", _DICTIONARY),
        ("stage", _DICTIONARY),
    ]
)
"""Ledger rows as they are held: A-numbers as integers, repeated texts once."""


@dataclass(frozen=True)
class LedgerRows:
    """One row for each attempt at each sequence, by A-number, the highest attempt first."""

    table: pa.Table
    """Columns of `ROWS_SCHEMA`."""
    apart: tuple[str, ...]
    """Segments that were read and that no merged one covers."""
    merged: tuple[str, ...]
    """Merged segments that were read."""
    covered: frozenset[str]
    """What these cover, swept away or not."""


def read_rows(run: RunStore) -> LedgerRows:
    """All ledger rows of a run. Raises StoreError for a segment that is damaged or missing."""
    for last in (*(False,) * (_READINGS - 1), True):
        try:
            return _read(run)
        except KeyError as error:
            # Swept away between the listing and the reading: what covers it is in a listing by now.
            if last:
                raise StoreError(
                    f"{run.uri}/{error.args[0]} is listed and cannot be read: restore it, or start again"
                ) from error
    raise AssertionError("the last reading returns or raises")


def merge(run: RunStore, rows: LedgerRows) -> str:
    """Write one merged segment of these rows; returns its name. Nothing is deleted.

    Raises StoreError when it cannot be written: nothing is lost, and nothing is merged.
    """
    reach(CrashPoint.MERGE_READ)
    covers = sorted({*rows.apart, *rows.merged, *rows.covered})
    number = 1 + max((int(_NUMBER.match(name)[1]) for name in covers if _NUMBER.match(name)), default=0)  # type: ignore[index]
    name = f"merged/{number:06d}-{uuid.uuid4().hex[:16]}.parquet"
    footer = {_COVERS: json.dumps(covers).encode()}
    put_once(run.store, run.key(name), parquet.encode_table(_as_stored(rows.table), footer))
    reach(CrashPoint.MERGED)
    return name


def _read(run: RunStore) -> LedgerRows:
    # Segments before merged ones: what is merged and swept away in between is in the second listing.
    small = [name for name in run.list("ledger/") if name.endswith(".parquet")]
    large = sorted((name for name in run.list("merged/") if name.endswith(".parquet")), reverse=True)
    tables = [ROWS_SCHEMA.empty_table()]
    covered: set[str] = set()
    merged = []
    for name in large:
        if name in covered:
            continue
        where = f"{run.uri}/{name}"
        body = _get(run, name)
        tables.append(_rows(parquet.decode(body, LEDGER_SCHEMA, where), where))
        covered.update(_covers(body, where))
        merged.append(name)
    apart = tuple(name for name in small if name not in covered)
    for name, body in _bodies(run, apart):
        where = f"{run.uri}/{name}"
        tables.append(_rows(parquet.decode(body, LEDGER_SCHEMA, where), where))
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    kept = tuple(name for name in merged if name not in covered)
    return LedgerRows(_one_per_attempt(table), apart, kept, frozenset(covered))


def _bodies(run: RunStore, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    try:
        yield from run.read_all(names)
    except KeyError as error:
        raise KeyError(str(error.args[0]).removeprefix(f"{run.run_id}/")) from None


def _get(run: RunStore, name: str) -> bytes:
    try:
        return run.store.get(run.key(name))
    except KeyError:
        raise KeyError(name) from None


def _covers(body: bytes, where: str) -> list[str]:
    try:
        covers: list[str] = json.loads(parquet.footer(body)[_COVERS])
    except (KeyError, ValueError) as error:
        raise StoreError(
            f"{where} does not say which segments it covers ({error!r}): restore it, or delete it if these are "
            "still in ledger/"
        ) from error
    return covers


def _rows(table: pa.Table, where: str) -> pa.Table:
    try:
        number = pc.cast(pc.utf8_slice_codeunits(table["sequence_id"], 1), pa.int64())
    except pa.ArrowInvalid as error:
        raise StoreError(f"{where} holds something else than A-numbers ({error}): restore it") from error
    columns: list[Any] = [number, *(table[name] for name in ROWS_SCHEMA.names[1:])]
    return pa.table(columns, names=ROWS_SCHEMA.names).cast(ROWS_SCHEMA)


def _as_stored(table: pa.Table) -> pa.Table:
    digits = pc.utf8_lpad(pc.cast(table["number"], pa.string()), 6, "0")
    ids = pc.binary_join_element_wise("A", digits, "")
    columns = [ids, *(table[name] for name in ROWS_SCHEMA.names[1:])]
    return pa.table(columns, names=LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)


def _one_per_attempt(table: pa.Table) -> pa.Table:
    """Of several rows for one attempt, that of the smallest segment name; of these, the first."""
    keys: Any = table["record_key"].combine_chunks()
    names = np.array(keys.dictionary.to_pylist() if len(table) else [], dtype=object)
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(names, kind="stable")] = np.arange(len(names))
    number, attempt = (table[name].to_numpy().astype(np.int64) for name in ("number", "attempt"))
    segment = rank[keys.indices.to_numpy()] if len(table) else np.empty(0, dtype=np.int64)
    order = np.lexsort(
        (segment, -attempt, number)
    )  # stable: equal rows stay in the order in which they were read
    first = np.ones(len(order), dtype=bool)
    if len(order):
        same = (np.diff(number[order]) == 0) & (np.diff(attempt[order]) == 0)
        first[1:] = ~same
    result: pa.Table = table.take(pa.array(order[first])).combine_chunks()
    return result
