"""What a segment of the ledger looks like: two objects of one name, the records and the rows that name them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from pydantic_core import PydanticSerializationError

from codeseq_ray.records import Call, Outcome, Stage
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


class Recorded(Protocol):
    """What the ledger keeps: a `records.SequenceRecord`, or a `records.Rollout`.

    `sequence_id` and `attempt` together are its name. `reason` is empty when accepted.
    """

    @property
    def sequence_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def reason(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def corrections(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def stage(self) -> Stage: ...
    @property
    def calls(self) -> tuple[Call, ...]: ...
    def model_dump_json(self) -> str: ...
    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Segment:
    """The bytes of one segment; `name` is that of both objects, below `records/` and below `ledger/`."""

    name: str
    records: bytes
    ledger: bytes
    rows: int


def record_json(record: Recorded) -> str:
    """The record as it is stored: JSON of one line."""
    try:
        return record.model_dump_json()
    except PydanticSerializationError:
        # Half a surrogate pair, as a model may write in JSON escapes: UTF-8 has no form for it.
        text = json.dumps(record.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace").decode()


def encode(name: str, outcomes: Sequence[tuple[Recorded, str]]) -> Segment:
    """Records with their JSON as a segment; the same outcomes give the same bytes."""
    record_key = f"records/{name}"
    records = [{"sequence_id": r.sequence_id, "attempt": r.attempt, "record": text} for r, text in outcomes]
    rows: list[dict[str, Any]] = [
        {
            "sequence_id": record.sequence_id,
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
