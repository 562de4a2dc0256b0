"""Blocks of rows → answers, in Ray tasks; and the walk of the blocks from the readers to whoever takes the answers.

What a reader sends on is not yet read: lines as bytes, rows of Parquet as Arrow. A task parses its rows, judges
them with its worker's warm sandbox, and sends back encoded answers, so that the driver only has to append them.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray

from codeseq_ray.errors import InfrastructureError, UsageError
from codeseq_ray.judging.confirmation import confirmed
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.pipeline.judging.encoding import Answer, encoded
from codeseq_ray.pipeline.judging.inputs import LONGEST_LINE, Kind, Slice, batches, lines
from codeseq_ray.pipeline.judging.rows import BadRow, Row, decoded, parse, read_id
from codeseq_ray.pipeline.judging.scan import Shared, digest_of, place
from codeseq_ray.pipeline.tasks import InWorker
from codeseq_ray.ports import Executor
from codeseq_ray.records import Program, VerdictKind
from codeseq_ray.sandbox.settings import SandboxSettings

ROWS = 128
"""Most rows of a block. A block costs the driver some 23 ms, a row its worker about as much."""
BLOCK_BYTES = 1 << 20
"""A block is closed early when its rows are this large."""
UNPUBLISHABLE = "unconfined:unpublishable"

BLOCK = pa.schema(
    [
        ("kind", pa.string()),
        ("body", pa.large_binary()),
        ("rows", pa.list_(pa.int64())),
        ("places", pa.list_(pa.string())),
        ("lengths", pa.list_(pa.int64())),
    ]
)
ANSWERED = pa.schema(
    [
        ("body", pa.large_binary()),
        ("unjudged", pa.large_binary()),
        ("rows", pa.list_(pa.int64())),
        ("open_rows", pa.list_(pa.int64())),
        ("id_sum", pa.uint64()),
        ("open_id_sum", pa.uint64()),
        ("verdicts", pa.string()),
        ("walls", pa.string()),
        ("refused", pa.string()),
    ]
)
"""What comes back of a block: answers of judged rows, of those that no judgement was possible for, and accounts."""


@dataclass(frozen=True)
class JudgeJob:
    """What every task is told."""

    sandbox: SandboxSettings
    manner: Manner
    confirm: bool
    format: str
    shared: Any
    """Object reference of `dict[str, Shared]`: may be large, and is the same for all."""


# ------------------------------------------------------------------------------------- the reader's side


def block_tables(answered: npt.NDArray[np.int64], most: int = ROWS) -> Callable[[Slice], Iterator[pa.Table]]:
    """Blocks of a slice's rows, without those in `answered` (first and one past the last, ascending)."""
    kept = ray.put(answered)

    def read(part: Slice) -> Iterator[pa.Table]:
        done: npt.NDArray[np.int64] = ray.get(kept)
        make = _table_blocks if part.kind is Kind.PARQUET else _line_blocks
        for block in make(part, done, most):
            yield pa.Table.from_pylist([block], schema=BLOCK)

    return read


def _line_blocks(part: Slice, done: npt.NDArray[np.int64], most: int) -> Iterator[dict[str, Any]]:
    found: list[bytes] = []
    rows: list[int] = []
    places: list[str] = []

    def block() -> dict[str, Any]:
        return {
            "kind": part.kind,
            "body": b"".join(found),
            "rows": list(rows),
            "places": list(places),
            "lengths": [len(line) for line in found],
        }

    row, size = part.first_row - 1, 0
    for number, line in enumerate(lines(part), part.first_line + 1):
        if line is not None and not line.strip():
            continue
        row += 1
        if _contains(done, row):
            continue
        found.append(line or b"")
        rows.append(row)
        places.append(place(part, number))
        size += len(found[-1])
        if len(rows) == most or size >= BLOCK_BYTES:
            yield block()
            found, rows, places, size = [], [], [], 0
    if rows:
        yield block()


def _table_blocks(part: Slice, done: npt.NDArray[np.int64], most: int) -> Iterator[dict[str, Any]]:
    before = 0
    for batch in batches(part, most):
        kept = [i for i in range(batch.num_rows) if not _contains(done, part.first_row + before + i)]
        if kept:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch.take(pa.array(kept)))
            yield {
                "kind": part.kind,
                "body": sink.getvalue().to_pybytes(),
                "rows": [part.first_row + before + i for i in kept],
                "places": [place(part, part.first_line + before + i + 1) for i in kept],
                "lengths": [],
            }
        before += batch.num_rows


def _contains(ranges: npt.NDArray[np.int64], row: int) -> bool:
    at = int(np.searchsorted(ranges[:, 0], row, side="right")) - 1
    return at >= 0 and row < int(ranges[at, 1])


# --------------------------------------------------------------------------------------- the task's side


def answer_blocks(table: pa.Table, job: JudgeJob) -> pa.Table:
    """The task. Never raises for a row; why this machine can run no program at all is told in `refused`."""
    told = [asyncio.run(_answer_block(block, job)) for block in table.to_pylist()]
    return pa.Table.from_pylist(told, schema=ANSWERED)


@dataclass
class _Account:
    """The answers of one block as they are made."""

    judged: list[Answer] = field(default_factory=list)
    unjudged: list[Answer] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    open_rows: list[int] = field(default_factory=list)
    id_sum: int = 0
    open_id_sum: int = 0
    walls: Counter[str] = field(default_factory=Counter)


async def _answer_block(block: Mapping[str, Any], job: JudgeJob) -> dict[str, Any]:
    account = _Account()
    shared = _shared(job.shared)
    executor = InWorker(job.sandbox)
    refused = ""
    for row, where, values in zip(block["rows"], block["places"], _values(block), strict=True):
        row_id = read_id(values) if isinstance(values, dict) else None
        digest = 0 if row_id is None else digest_of(row_id)
        try:
            answer = await _answer(row, where, row_id, values, executor, shared, job)
        except UsageError as error:
            refused = str(error)
            break
        if answer is not None and answer.verdict == VerdictKind.INFRASTRUCTURE:
            account.unjudged.append(answer)
            account.open_rows.append(row)
            account.open_id_sum = (account.open_id_sum + digest) % (1 << 64)
            continue
        account.rows.append(row)
        account.id_sum = (account.id_sum + digest) % (1 << 64)
        if answer is not None:
            account.judged.append(answer)
            if answer.walls:
                account.walls[" ".join(answer.walls)] += 1
    verdicts = Counter(answer.verdict for answer in (*account.judged, *account.unjudged))
    return {
        "body": encoded(account.judged, job.format),
        "unjudged": encoded(account.unjudged, job.format),
        "rows": account.rows,
        "open_rows": account.open_rows,
        "id_sum": account.id_sum,
        "open_id_sum": account.open_id_sum,
        "verdicts": json.dumps(verdicts),
        "walls": json.dumps(account.walls),
        "refused": refused,
    }


async def _answer(
    row: int,
    where: str,
    row_id: str | None,
    values: dict[str, Any] | str,
    executor: Executor,
    shared: Mapping[str, Shared],
    job: JudgeJob,
) -> Answer | None:
    """The answer to a row; None where another row with the same id gives it."""
    if row_id is not None and (several := shared.get(row_id)) is not None:
        return Answer.of_bad_row(row_id, _said_of(several)) if row == several.first_row else None
    if isinstance(values, str):
        return Answer.of_bad_row(None, f"{where}: {values}")
    parsed = parse(values)
    if isinstance(parsed, BadRow):
        return Answer.of_bad_row(parsed.id, f"{where}: {parsed.message}")
    try:
        return await _judged(parsed, executor, job)
    except UsageError:
        raise
    except InfrastructureError as error:
        return Answer.unjudged(parsed.id, len(parsed.cases), str(error))
    except Exception:  # a bug of ours: this row is open, the others are answered
        return Answer.unjudged(parsed.id, len(parsed.cases), f"a bug: {traceback.format_exc()[-2000:]}")


async def _judged(row: Row, executor: Executor, job: JudgeJob) -> Answer:
    manner = job.manner if row.entry is None else _named(job.manner, row.entry)
    run = confirmed if job.confirm else judge
    verdict = await run(executor, Program(source=row.program), row.judged_cases(), manner)
    walls = verdict.walls if "seccomp" in verdict.walls else (*verdict.walls, UNPUBLISHABLE)
    return Answer.of_verdict(row.id, verdict, walls)


def _named(manner: Manner, entry: str) -> Manner:
    return Manner(limits=manner.limits, trusted=manner.trusted, entry=entry)


def _said_of(several: Shared) -> str:
    more = several.count - len(several.places)
    places = ", ".join(several.places) + (f" and {more} more" if more else "")
    return f"{several.count} rows have this id and none was judged ({places}): give each row an id of its own"


def _values(block: Mapping[str, Any]) -> Iterator[dict[str, Any] | str]:
    if block["kind"] == Kind.PARQUET:
        yield from pa.ipc.open_stream(block["body"]).read_all().to_pylist()
        return
    at = 0
    for length in block["lengths"]:
        line = block["body"][at : at + length]
        at += length
        yield decoded(line) if line else f"is longer than {LONGEST_LINE >> 20} MiB"


@lru_cache(maxsize=1)
def _shared(reference: Any) -> dict[str, Shared]:
    found: dict[str, Shared] = ray.get(reference)
    return found


# ------------------------------------------------------------------------------------- the driver's side


@dataclass(frozen=True)
class Answered:
    """The answers of a few rows, as the driver gets them."""

    body: bytes
    unjudged: bytes
    rows: Sequence[int]
    open_rows: Sequence[int]
    id_sum: int
    open_id_sum: int
    verdicts: Mapping[str, int]
    walls: Mapping[str, int]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Answered:
        return cls(
            row["body"],
            row["unjudged"],
            row["rows"],
            row["open_rows"],
            row["id_sum"],
            row["open_id_sum"],
            json.loads(row["verdicts"]),
            json.loads(row["walls"]),
        )
