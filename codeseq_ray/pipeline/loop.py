"""The one stage of the graph that does the work: an actor that runs many sequences' loops on one event loop.

Why one stage and not five: `docs/design/pipeline.md`. The actor writes finished outcomes to the ledger itself, as
a downstream sink would see a batch only when all of it is done.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import ray

from codeseq_ray.agents.roles import GuidingAgent, WorkingAgent
from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.pipeline.agents import pair
from codeseq_ray.pipeline.tasks import RayExecutor, RayFitter
from codeseq_ray.records import Outcome, Reason, Sequence, SequenceRecord, Split, Stage
from codeseq_ray.settings import Settings, sandbox_of
from codeseq_ray.store.ledger import LedgerWriter
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from codeseq_ray.synthesis import Assignment, synthesise

DONE = pa.schema(
    [
        ("number", pa.int64()),
        ("outcome", pa.string()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("tokens", pa.int64()),
        ("walls", pa.string()),
        ("refused", pa.string()),
        ("unwritten", pa.string()),
    ]
)
"""What the driver learns of each sequence: enough to count; the rest is in the store. A row with `refused` (no
sequence would fare better) or `unwritten` (outcomes cannot be stored) ends the run instead."""


@dataclass(frozen=True)
class LoopJob:
    """What every loop actor is made from."""

    settings: Settings
    store_uri: str
    run_id: str
    index: Any
    """Handle of the run's `ledger_index.LedgerIndex`."""


class LoopActor:
    """Runs the loops of batches of sequences. Never raises: a sequence's trouble is its outcome.

    A batch's call returns when all its outcomes are in the ledger.
    """

    def __init__(self, job: LoopJob) -> None:
        self._job = job
        settings = job.settings
        self._run = RunStore(open_store(job.store_uri), job.run_id)
        self._writer = LedgerWriter(
            self._run,
            "loop",
            every=settings.flush_every,
            seconds=settings.flush_seconds,
        )
        self._agents: tuple[WorkingAgent, GuidingAgent] | None = None
        self._refused = ""
        self._unwritten = ""

    def _start(self) -> None:
        """Made on the actor's own event loop, where clients and semaphores have to live."""
        settings = self._job.settings
        if self._run.read_manifest() is None:
            raise UsageError(
                f"this node does not see the run at {self._run.uri}: a local folder as output has to be one disk "
                "that every node shares. Give s3://bucket/prefix."
            )
        in_flight, batch = settings.tasks_in_flight, settings.task_batch
        self._executor = RayExecutor(
            sandbox_of(settings), memory_mb=settings.memory_mb, in_flight=in_flight, batch=batch
        )
        self._agents = pair(settings, RayFitter(in_flight=in_flight, batch=batch))
        self._open = asyncio.Semaphore(settings.records_in_flight)
        self._timer = asyncio.create_task(self._flush_regularly())

    async def __call__(self, batch: pa.Table) -> pa.Table:
        try:
            if self._agents is None:
                self._start()
            told = await self._work_all(batch.to_pylist())
        except UsageError as error:
            self._refused, told = str(error), []
        except StoreError as error:
            self._unwritten, told = str(error), []
        if self._refused or self._unwritten:
            told.append({"refused": self._refused, "unwritten": self._unwritten})
        return pa.Table.from_pylist(told, schema=DONE)

    async def _work_all(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        try:
            done = set(await self._job.index.already_done.remote([row["number"] for row in rows]))
        except ray.exceptions.RayError:
            done = set()  # at worst something is done twice; the ledger's rule picks one outcome
        finished = await asyncio.gather(*(self._work(row) for row in rows if row["number"] not in done))
        await self._write(self._writer.flush)
        return [row for row in finished if row is not None]

    async def _work(self, row: dict[str, Any]) -> dict[str, Any] | None:
        async with self._open:
            if self._refused or self._unwritten:
                return None
            assignment = Assignment(
                sequence=Sequence.model_validate_json(row["sequence"]),
                split=Split(row["split"]),
                family=row["family"],
                attempt=row["attempt"],
            )
            assert self._agents is not None
            try:
                record = await synthesise(assignment, *self._agents, self._executor, self._job.settings)
            except UsageError as error:  # an endpoint or a kernel that refuses refuses everybody
                self._refused = str(error)
                return None
            except Exception:
                record = _internal_error(assignment, traceback.format_exc())
        await self._write(self._writer.add, record)
        return {
            "number": row["number"],
            "outcome": record.outcome.value,
            "stage": record.stage.value,
            "reason": record.reason,
            "tokens": record.tokens,
            "walls": " ".join(_walls(record)),
        }

    async def _write(self, action: Callable[..., None], *values: SequenceRecord) -> None:
        """Call the ledger writer, which may block on the store, off the event loop."""
        try:
            await asyncio.to_thread(action, *values)
            self._unwritten = ""
        except StoreError as error:
            # What is not written stays in the writer; to go on would be to pay for more that cannot be kept.
            self._unwritten = f"outcomes cannot be written: {error}"

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._job.settings.flush_seconds)
            await self._write(self._writer.flush_if_due)


def _walls(record: SequenceRecord) -> Iterable[str]:
    return record.rounds[-1].verdict.walls if record.rounds else ()


def _internal_error(assignment: Assignment, trace: str) -> SequenceRecord:
    """A bug of ours, stored with its traceback; the sequence may be tried again once it is mended."""
    return SequenceRecord(
        sequence=assignment.sequence,
        split=assignment.split,
        family=assignment.family,
        attempt=assignment.attempt,
        agents="",
        outcome=Outcome.FAILED,
        stage=Stage.PROGRAM,
        reason=Reason.INTERNAL_ERROR,
        detail=trace[-4000:],
    )
