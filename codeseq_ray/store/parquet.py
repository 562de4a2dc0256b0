"""Tables as whole Parquet objects: encoded in memory, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import StoreError

COMPRESSION: Final = "zstd"


def schema(**columns: pa.DataType) -> pa.Schema:
    """Columns in the order given, none of which may be null."""
    return pa.schema(tuple(pa.field(name, kind, nullable=False) for name, kind in columns.items()))


def encode(
    rows: Sequence[Mapping[str, Any]], columns: pa.Schema, footer: Mapping[bytes, bytes] | None = None
) -> bytes:
    return encode_table(pa.Table.from_pylist(list(rows), schema=columns), footer)


def encode_table(table: pa.Table, footer: Mapping[bytes, bytes] | None = None) -> bytes:
    """`footer` is kept beside the rows, for `footer` to read."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(footer), sink, compression=COMPRESSION)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def footer(body: bytes) -> dict[bytes, bytes]:
    """What `encode_table` was given beside the rows; empty if nothing."""
    return dict(pq.read_schema(pa.BufferReader(body)).metadata or {})


def decode(body: bytes, columns: pa.Schema, where: str) -> pa.Table:
    """The given columns, further ones left out. Raises StoreError, naming `where`, for anything else."""
    try:
        table = pq.read_table(pa.BufferReader(body))
        return table.select(columns.names).cast(columns)
    except (pa.ArrowException, KeyError) as error:
        raise StoreError(
            f"{where} is not the Parquet table it should be ({error}). It was damaged or written by something "
            "else: restore it, or delete it to have its sequences done again."
        ) from error
