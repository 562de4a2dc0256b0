"""Damaged bytes are named, never read as other rows."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from synthetic import record

from codeseq_ray.errors import StoreError
from codeseq_ray.records import Outcome
from codeseq_ray.store import parquet
from codeseq_ray.store.segments import LEDGER_SCHEMA, RECORD_SCHEMA, encode, record_json


def segment_bytes(padding: int = 200) -> tuple[bytes, bytes]:
    outcomes = [record(n, list(Outcome)[n % 3], padding=padding) for n in range(1, 9)]
    segment = encode("w-1.parquet", [(one, record_json(one)) for one in outcomes])
    return segment.records, segment.ledger


@pytest.mark.parametrize(("which", "schema"), [(0, RECORD_SCHEMA), (1, LEDGER_SCHEMA)])
def test_a_flipped_bit_is_named_or_changes_nothing(which: int, schema: pa.Schema) -> None:
    body = segment_bytes()[which]
    whole = parquet.decode(body, schema, "whole")
    named = unseen = 0
    for at in range(len(body)):
        damaged = bytearray(body)
        damaged[at] ^= 1 << random.Random(at).randrange(8)
        try:
            read = parquet.decode(bytes(damaged), schema, "r/ledger/w-1.parquet")
        except StoreError as error:
            named += "r/ledger/w-1.parquet" in str(error) and not error.transient
        else:
            assert read.equals(whole), f"byte {at}"
            unseen += 1
    assert named + unseen == len(body)
    assert named > unseen


@pytest.mark.parametrize("which", [0, 1])
def test_bytes_that_are_cut_off_or_zeroed_are_named_or_change_nothing(which: int) -> None:
    body, schema = segment_bytes()[which], (RECORD_SCHEMA, LEDGER_SCHEMA)[which]
    whole = parquet.decode(body, schema, "whole")
    for length in range(0, len(body), 7):
        with pytest.raises(StoreError, match="not the Parquet table"):
            parquet.decode(body[:length], schema, "x")
    for at in range(0, len(body) - 64, 31):  # a sector that was never written
        with suppress(StoreError):
            assert parquet.decode(body[:at] + bytes(64) + body[at + 64 :], schema, "x").equals(whole)


def test_without_the_seal_a_flipped_bit_of_the_footer_reads_as_a_table_without_rows() -> None:
    """Why page checksums are not enough. When this fails, Parquet's readers have learnt to see it."""
    sealed = segment_bytes()[1]
    length = int.from_bytes(sealed[-8:-4], "little") - 8
    plain = sealed[:-16] + length.to_bytes(4, "little") + b"PAR1"
    whole = parquet.decode(plain, LEDGER_SCHEMA, "whole")
    wrong = 0
    for at in range(len(plain) - length, len(plain)):
        for bit in range(8):
            damaged = bytearray(plain)
            damaged[at] ^= 1 << bit
            with suppress(StoreError):
                wrong += not parquet.decode(bytes(damaged), LEDGER_SCHEMA, "x").equals(whole)
    assert wrong


def test_other_readers_of_parquet_read_what_is_sealed(tmp_path: Path) -> None:
    body = segment_bytes()[1]
    (tmp_path / "x.parquet").write_bytes(body)
    wanted = parquet.decode(body, LEDGER_SCHEMA, "x")
    assert pq.ParquetFile(tmp_path / "x.parquet", page_checksum_verification=True).read().equals(wanted)
    assert ds.dataset(tmp_path / "x.parquet").to_table().equals(wanted)
    assert datasets.Dataset.from_parquet(str(tmp_path / "x.parquet"), cache_dir=str(tmp_path)).num_rows == 8


def test_the_same_rows_give_the_same_bytes() -> None:
    assert segment_bytes() == segment_bytes()


def test_what_is_kept_beside_the_rows_comes_back_or_is_refused() -> None:
    kept = {b"covers": json.dumps([f"ledger/w-{n:06d}.parquet" for n in range(40)]).encode(), b"x": b"\0\xff"}
    body = parquet.encode([], LEDGER_SCHEMA, kept)
    assert parquet.footer(body) == kept
    assert parquet.footer(parquet.encode([], LEDGER_SCHEMA)) == {}
    refused = 0
    for at in range(len(body)):
        damaged = bytearray(body)
        damaged[at] ^= 1 << random.Random(at).randrange(8)
        read: Any = None
        try:
            read = parquet.footer(bytes(damaged))
        except ValueError:
            refused += 1
        else:
            assert read == kept, f"byte {at}"
    assert refused > len(body) // 2
