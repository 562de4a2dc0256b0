"""An answer, and answers as bytes: lines of JSON, or an Arrow table that becomes Parquet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from codeseq_ray.records import Verdict, VerdictKind

BAD_ROW = "bad_row"
"""The verdict of a row that could not be judged as it stood."""

ANSWERS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("passed", pa.int64(), nullable=False),
        pa.field("total", pa.int64(), nullable=False),
        pa.field("failing_case", pa.int64()),
        pa.field("got", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
        pa.field("cpu_ms", pa.float64(), nullable=False),
        pa.field("walls", pa.list_(pa.string()), nullable=False),
    ]
)


@dataclass(frozen=True)
class Answer:
    id: str | None
    verdict: str
    passed: int = 0
    total: int = 0
    failing_case: int | None = None
    got: str = ""
    message: str = ""
    cpu_ms: float = 0.0
    walls: tuple[str, ...] = ()

    @classmethod
    def of_verdict(cls, row_id: str, verdict: Verdict, walls: tuple[str, ...]) -> Answer:
        return cls(
            row_id,
            verdict.kind.value,
            verdict.passed,
            verdict.total,
            verdict.failing_case,
            _unicode(verdict.got),
            _unicode(verdict.message),
            verdict.cpu_ms,
            walls,
        )

    @classmethod
    def of_bad_row(cls, row_id: str | None, message: str) -> Answer:
        return cls(row_id, BAD_ROW, message=_unicode(message))

    @classmethod
    def unjudged(cls, row_id: str, total: int, message: str) -> Answer:
        return cls(row_id, VerdictKind.INFRASTRUCTURE.value, total=total, message=_unicode(message))


def _unicode(text: str) -> str:
    # What a program printed comes decoded; a name in a traceback may still hold half of a surrogate pair.
    return text.encode("utf-8", "backslashreplace").decode()


def encoded(answers: Sequence[Answer], format_: str) -> bytes:
    """Bytes that a sink of that format appends; none for no answers."""
    if not answers:
        return b""
    if format_ == "jsonl":
        return b"".join(json.dumps(asdict(a), ensure_ascii=False).encode() + b"\n" for a in answers)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ANSWERS) as writer:
        writer.write_table(pa.Table.from_pylist([asdict(a) for a in answers], schema=ANSWERS))
    body: bytes = sink.getvalue().to_pybytes()
    return body


def table(bodies: Sequence[bytes]) -> pa.Table:
    """The Arrow table that bodies of format parquet hold together."""
    return pa.concat_tables([ANSWERS.empty_table(), *(pa.ipc.open_stream(b).read_all() for b in bodies)])
