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

from codeseq_ray.agents.roles import GuidingAgent, WorkingAgent
from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.pipeline.agents import pair
from codeseq_ray.pipeline.tasks import RayExecutor, RayFitter
from codeseq_ray.records import Outcome, Reason, Sequence, SequenceRecord, Split, Stage
from codeseq_ray.settings import Settings
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
        ("fatal", pa.string()),
    ]
)
"""What the driver learns of each sequence: enough to count; the rest is in the store."""


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
        self._fatal = ""

    def _start(self) -> None:
        """Made on the actor's own event loop, where clients and semaphores have to live."""
        settings = self._job.settings
        in_flight, batch = settings.tasks_in_flight, settings.task_batch
        self._executor = RayExecutor(in_flight=in_flight, batch=batch)
        self._agents = pair(settings, RayFitter(in_flight=in_flight, batch=batch))
        self._open = asyncio.Semaphore(settings.records_in_flight)
        self._timer = asyncio.create_task(self._flush_regularly())

    async def __call__(self, batch: pa.Table) -> pa.Table:
        if self._agents is None:
            self._start()
        rows = batch.to_pylist()
        numbers = [row["number"] for row in rows]
        done = set(await self._job.index.already_done.remote(numbers))
        finished = await asyncio.gather(*(self._work(row) for row in rows if row["number"] not in done))
        await self._write(self._writer.flush)
        told = [row for row in finished if row is not None]
        if self._fatal:
            told.append({"fatal": self._fatal})
        return pa.Table.from_pylist(told, schema=DONE)

    async def _work(self, row: dict[str, Any]) -> dict[str, Any] | None:
        async with self._open:
            if self._fatal:
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
                self._fatal = str(error)
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
        except StoreError as error:
            # What is not written stays in the writer; to go on would be to pay for more that cannot be kept.
            self._fatal = f"outcomes cannot be written: {error}"

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
