"""Tables as whole Parquet objects: encoded in memory, the same bytes for the same rows."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import StoreError

COMPRESSION: Final = "zstd"

_DAMAGE = (pa.ArrowException, KeyError, OSError)
"""What pyarrow raises over damaged bytes; OSError for most of them."""


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
    pq.write_table(
        table.replace_schema_metadata(footer),
        sink,
        compression=COMPRESSION,
        write_page_checksum=True,
        # Nobody filters by them, and the least and the greatest of long texts are copies of these texts.
        write_statistics=False,
    )
    return _seal(sink.getvalue().to_pybytes())


def footer(body: bytes) -> dict[bytes, bytes]:
    """What `encode_table` was given beside the rows; empty if nothing. Raises ValueError when it is damaged."""
    try:
        _check_seal(body)
        return dict(pq.read_schema(pa.BufferReader(body)).metadata or {})
    except _DAMAGE as error:
        raise ValueError(str(error)) from error


def decode(body: bytes, columns: pa.Schema, where: str) -> pa.Table:
    """The given columns, further ones left out. Raises StoreError, naming `where`, for anything else."""
    try:
        _check_seal(body)
        table = pq.read_table(pa.BufferReader(body), page_checksum_verification=True)
        return table.select(columns.names).cast(columns)
    except _DAMAGE as error:
        raise StoreError(
            f"{where} is not the Parquet table it should be ({error}). It was damaged or written by something "
            "else: restore it, or delete it to have its sequences done again."
        ) from error


# Page checksums do not reach the footer, of which one flipped bit may read as a table without rows. So the whole
# object has a checksum, too. It stands behind the footer's structure, where readers of Parquet skip it:
#     … footer | mark, CRC-32 | length of the footer with these two | "PAR1"
_MARK = b"\0crc"
_SEAL_BYTES = len(_MARK) + 4


def _seal(body: bytes) -> bytes:
    length = (int.from_bytes(body[-8:-4], "little") + _SEAL_BYTES).to_bytes(4, "little")
    return b"".join((body[:-8], _MARK, _sum_of(body[:-8], length), length, body[-4:]))


def _check_seal(body: bytes) -> None:
    """Objects without one are left to the page checksums."""
    end = len(body) - 8 - _SEAL_BYTES
    if body[end : end + 4] == _MARK and body[end + 4 : end + 8] != _sum_of(body[:end], body[-8:-4]):
        raise pa.ArrowInvalid("its bytes do not have the checksum that they were written with")


def _sum_of(content: bytes, length: bytes) -> bytes:
    return zlib.crc32(length, zlib.crc32(content)).to_bytes(4, "little")
