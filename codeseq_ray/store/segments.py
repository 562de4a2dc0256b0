"""What a segment of the ledger looks like: two objects of one name, the records and the rows that name them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic_core import PydanticSerializationError

from codeseq_ray.records import SequenceRecord
from codeseq_ray.store import parquet

LEDGER_SCHEMA = parquet.schema(
    sequence_id=pa.string(),
    attempt=pa.int32(),
    outcome=pa.string(),
    reason=pa.string(),
    rounds=pa.int32(),
    tokens=pa.int64(),
    record_key=pa.string(),
    stage=pa.string(),
)
RECORD_SCHEMA = parquet.schema(
    sequence_id=pa.string(),
    attempt=pa.int32(),
    record=pa.string(),
)


@dataclass(frozen=True, slots=True)
class Segment:
    """The bytes of one segment; `name` is that of both objects, below `records/` and below `ledger/`."""

    name: str
    records: bytes
    ledger: bytes
    rows: int


def record_json(record: SequenceRecord) -> str:
    """The record as it is stored: JSON of one line."""
    try:
        return record.model_dump_json()
    except PydanticSerializationError:
        # Half a surrogate pair, as a model may write in JSON escapes: UTF-8 has no form for it.
        text = json.dumps(record.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace").decode()


def encode(name: str, outcomes: Sequence[tuple[SequenceRecord, str]]) -> Segment:
    """Records with their JSON as a segment; the same outcomes give the same bytes."""
    record_key = f"records/{name}"
    records = [{"sequence_id": r.sequence.id, "attempt": r.attempt, "record": text} for r, text in outcomes]
    rows: list[dict[str, Any]] = [
        {
            "sequence_id": record.sequence.id,
            "attempt": record.attempt,
            "outcome": record.outcome.value,
            "reason": record.reason,
            "rounds": record.corrections,
            "tokens": record.tokens,
            "record_key": record_key,
            "stage": record.stage.value,
        }
        for record, _ in outcomes
    ]
    return Segment(
        name, parquet.encode(records, RECORD_SCHEMA), parquet.encode(rows, LEDGER_SCHEMA), len(rows)
    )
