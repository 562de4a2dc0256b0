"""The one stage of the graph that does the work: an actor that runs many sequences' loops on one event loop.

Why one stage and not five: `docs/design/pipeline.md`. The actor writes finished outcomes to the ledger itself, as
a downstream sink would see a batch only when all of it is done.
"""

from __future__ import annotations

import asyncio
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa
import ray

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.dataset.usage import Bill
from codeseq_ray.errors import CapReachedError, RunStoppedError, StoreError, UsageError
from codeseq_ray.llm.replay import ReplayingClient, asked_anew
from codeseq_ray.pipeline.crew import Around, Crew, CrewMaker, crew
from codeseq_ray.pipeline.keeping import Keeping
from codeseq_ray.pipeline.monitor import TELL_SECONDS, Standing
from codeseq_ray.pipeline.spending import Caps, Meter, MeteredClient
from codeseq_ray.pipeline.stopping import StopOrder
from codeseq_ray.ports import ChatClient
from codeseq_ray.records import Outcome, Reason, Sequence, SequenceRecord, Split, Stage
from codeseq_ray.settings import Settings
from codeseq_ray.synthesis import Assignment, synthesise_in_turn

DONE = pa.schema(
    [
        ("number", pa.int64()),
        ("walls", pa.string()),
        ("ending", pa.string()),
        ("said", pa.string()),
    ]
)
"""What the driver learns of each sequence; the rest is in the store. A row with an `ending` ends the run instead."""


class Ending(StrEnum):
    """Why an actor takes no further sequences."""

    CAPPED = "capped"
    """A cap of the user's is reached."""
    DOWN = "down"
    """No server of a role has been up for too long."""
    REFUSED = "refused"
    """No sequence would fare better: a key, a model's name, a kernel without walls."""
    STOPPED = "stopped"
    """The driver was told to end, or lost the run."""
    UNWRITTEN = "unwritten"
    """Outcomes or answers cannot be stored or read."""


@dataclass(frozen=True)
class LoopJob:
    """What every loop actor is made from."""

    settings: Settings
    store_uri: str
    run_id: str
    index: Any
    """Handle of the run's `ledger_index.LedgerIndex`."""
    monitor: Any
    """Handle of the run's `monitor.Monitor`."""
    caps: Caps
    records_in_flight: int
    crew: CrewMaker = crew


class LoopActor:
    """Runs the loops of batches of sequences. Never raises: a sequence's trouble is its outcome.

    A batch's call returns when all its outcomes are in the ledger.
    """

    def __init__(self, job: LoopJob) -> None:
        self._job = job
        self._name = uuid.uuid4().hex
        self._meter = Meter(job.caps)
        self._outcomes: Counter[str] = Counter()
        self._bill = Bill()
        self._news: list[str] = []
        self._busy = 0
        """Sequences taken up and neither handed to the ledger's writer nor given up."""
        self._working: set[asyncio.Task[SequenceRecord]] = set()
        self._started: asyncio.Task[Crew] | None = None
        self._ending: Ending | None = None
        self._said = ""

    async def _start(self) -> Crew:
        """Made on the actor's own event loop, where clients and semaphores have to live."""
        job = self._job
        self._kept = await asyncio.to_thread(
            Keeping, job.settings, job.store_uri, job.run_id, self._news.append
        )
        crew = job.crew(
            job.settings,
            Around(self._news.append, self._meter.before_sending, self._meter.stopped, self._wrapped),
        )
        self._open = asyncio.Semaphore(job.records_in_flight)
        # What earlier starts and other actors spent has to be known before anything is.
        await self._tell()
        self._timers = [
            asyncio.create_task(timer()) for timer in (self._write_regularly, self._tell_regularly)
        ]
        return crew

    def _wrapped(self, client: ChatClient) -> ChatClient:
        """Around every client: only what the cache does not know is paid for."""
        metered, answers = MeteredClient(client, self._meter), self._kept.answers
        return metered if answers is None else ReplayingClient(metered, answers)

    async def __call__(self, batch: pa.Table) -> pa.Table:
        told: list[dict[str, Any]] = []
        try:
            if self._started is None:
                self._started = asyncio.create_task(self._start())
            told = await self._work_all(await self._started, batch.to_pylist())
            await self._tell()
        except UsageError as error:
            self._end(Ending.REFUSED, str(error))
        except StoreError as error:
            self._end(Ending.UNWRITTEN, str(error))
        if self._ending:
            told.append({"ending": self._ending.value, "said": self._said})
        return pa.Table.from_pylist(told, schema=DONE)

    async def _work_all(self, crew: Crew, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        attempts = {row["number"]: row["attempt"] for row in rows}
        try:
            again, done = map(set, await self._job.index.handed_out.remote(attempts))
        except ray.exceptions.RayError:
            # At worst something is done twice; the ledger's rule picks one outcome.
            again, done = set(attempts), set()
        if again:
            # Another actor had these and died: what it was answered need not be asked again.
            await asyncio.to_thread(self._kept.look_again)
        finished = await asyncio.gather(*(self._work(crew, row) for row in rows if row["number"] not in done))
        await self._write(self._kept.flush)
        return [row for row in finished if row is not None]

    async def _work(self, crew: Crew, row: dict[str, Any]) -> dict[str, Any] | None:
        async with self._open:
            if not self._ending and (capped := self._meter.stopped()):
                self._end(Ending.CAPPED, str(capped))
            if self._ending:
                return None
            self._busy += 1
            try:
                return await self._worked(crew, row)
            finally:
                self._busy -= 1

    async def _worked(self, crew: Crew, row: dict[str, Any]) -> dict[str, Any] | None:
        assignment = Assignment(
            sequence=Sequence.model_validate_json(row["sequence"]),
            split=Split(row["split"]),
            family=row["family"],
            attempt=row["attempt"],
        )
        with asked_anew(row["reopened"]):
            record = await self._outcome(crew, assignment)
        if record is None:
            return None
        reach(CrashPoint.OUTCOME_MADE)
        self._outcomes[record.outcome.value] += 1
        self._bill.add(record.calls)
        await self._write(self._kept.add, record)
        return {"number": row["number"], "walls": " ".join(_walls(record))}

    async def _outcome(self, crew: Crew, assignment: Assignment) -> SequenceRecord | None:
        """What becomes of a sequence; None when the run ends before that is known."""
        work = asyncio.create_task(
            synthesise_in_turn(assignment, crew.pairs, crew.executor, self._job.settings)
        )
        self._working.add(work)
        try:
            return await work
        except asyncio.CancelledError:
            if self._ending is None:
                raise
        except CapReachedError as error:
            self._end(Ending.CAPPED, str(error))
        except RunStoppedError as error:
            self._end(Ending.DOWN, str(error))
        except UsageError as error:  # an endpoint or a kernel that refuses refuses everybody
            self._end(Ending.REFUSED, str(error))
        except StoreError as error:  # of the response cache: the loop itself stores nothing
            self._end(Ending.UNWRITTEN, str(error))
        except Exception:
            return _internal_error(assignment, traceback.format_exc())
        finally:
            self._working.discard(work)
        return None

    def _end(self, ending: Ending, said: str) -> None:
        """Take no further sequences. The first reason stands."""
        if self._ending is None:
            self._ending, self._said = ending, said

    async def _write(self, action: Callable[..., None], *values: SequenceRecord) -> None:
        """Call a writer, which may block on the store, off the event loop."""
        try:
            await asyncio.to_thread(action, *values)
        except StoreError as error:
            # What is not written stays in the writer; to go on would be to pay for more that cannot be kept.
            self._end(Ending.UNWRITTEN, f"outcomes cannot be written: {error}")

    async def _write_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(TELL_SECONDS, self._job.settings.flush_seconds))
            await self._write(self._kept.flush_if_due)

    async def _tell_regularly(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            await self._tell()

    async def _tell(self) -> None:
        """Give the monitor this actor's totals and news, and learn what the others spent."""
        news, self._news[:] = list(self._news), []
        standing = Standing(
            spent=self._meter.own,
            outcomes=self._outcomes.copy(),
            bill=self._bill + Bill(),
            open=self._busy,
            idle=self._ending is not None and not self._busy and not self._kept.unwritten,
        )
        try:
            self._meter.others, order = await self._job.monitor.tell.remote(self._name, standing, news)
        except ray.exceptions.RayError:
            self._news[:0] = news
            return
        if order is not None:
            self._stop(order)

    def _stop(self, order: StopOrder) -> None:
        """Begin nothing more; what is open is cut off when its grace is over."""
        self._end(Ending.STOPPED, order.reason)
        if order.seconds <= 0:
            for work in self._working:
                work.cancel()


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
