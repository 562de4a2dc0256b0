"""An actor that does many rows' work on one event loop, keeps what comes of it, and knows when to end.

What a row is and what is done for it is for the rooms above: `loop` runs a sequence through the agents,
`sampling.actor` samples a policy's answers to a problem. The actor writes finished outcomes to the ledger itself, as
a downstream sink would see a batch only when all of it is done (`docs/design/pipeline.md`).
"""

from __future__ import annotations

import asyncio
import traceback
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

import pyarrow as pa
import ray

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import CapReachedError, RunStoppedError, StoreError, UsageError
from codeseq_ray.llm.replay import ReplayingClient
from codeseq_ray.pipeline.crew import Around
from codeseq_ray.pipeline.keeping import Keeping
from codeseq_ray.pipeline.metrics import Figures
from codeseq_ray.pipeline.monitor import TELL_SECONDS
from codeseq_ray.pipeline.spending import Caps, Meter, MeteredClient
from codeseq_ray.pipeline.stopping import StopOrder
from codeseq_ray.ports import ChatClient
from codeseq_ray.settings import WorkSettings
from codeseq_ray.store.segments import Recorded
from codeseq_ray.watching.tally import Tally

DONE = pa.schema(
    [
        ("number", pa.int64()),
        ("walls", pa.string()),
        ("ending", pa.string()),
        ("said", pa.string()),
    ]
)
"""What the driver learns of each row; the rest is in the store. A row with an `ending` ends the run instead."""

Row = dict[str, Any]
Tools = TypeVar("Tools")
"""What an actor's work is done with: clients, an executor."""
Made = TypeVar("Made", bound=Recorded)


class Ending(StrEnum):
    """Why an actor takes no further rows."""

    CAPPED = "capped"
    """A cap of the user's is reached."""
    DOWN = "down"
    """No server of a role has been up for too long."""
    REFUSED = "refused"
    """No row would fare better: a key, a model's name, a kernel without walls."""
    STOPPED = "stopped"
    """The driver was told to end, or lost the run."""
    UNWRITTEN = "unwritten"
    """Outcomes or answers cannot be stored or read."""


@dataclass(frozen=True)
class Job:
    """What every actor of a run is made from."""

    settings: WorkSettings
    store_uri: str
    run_id: str
    index: Any
    """Handle of the run's `ledger_index.LedgerIndex`."""
    monitor: Any
    """Handle of the run's `monitor.Monitor`."""
    caps: Caps
    open_rows: int
    """Most rows that one actor works on at a time."""
    answers_of: str = field(default="", kw_only=True)
    """Whose cached answers may be replayed: those of this scope (`llm.replay`); empty: of all runs without one."""


class RowActor(ABC, Generic[Tools]):
    """Works on batches of rows. Never raises: a row's trouble is its outcome.

    A batch's call returns when all its outcomes are in the ledger.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._name = uuid.uuid4().hex
        self._meter = Meter(job.caps)
        self._tally = Tally()
        self._news: list[str] = []
        self._busy = 0
        """Rows taken up and neither handed to the ledger's writer nor given up."""
        self._working: set[asyncio.Task[Any]] = set()
        self._started: asyncio.Task[Tools] | None = None
        self._ending: Ending | None = None
        self._said = ""

    # ------------------------------------------------------------------------------- for the rooms above

    @abstractmethod
    def _tools(self, around: Around) -> Tools:
        """Called once, on the actor's own event loop, where clients and semaphores have to live."""

    @abstractmethod
    async def _to_do(self, rows: list[Row]) -> list[Row]:
        """These rows without what another actor, which had them and died, has brought to an outcome."""

    @abstractmethod
    async def _worked(self, tools: Tools, row: Row) -> Row | None:
        """Bring a row to its outcomes and `_keep` them; what the driver learns of it, by the columns of `DONE`."""

    async def _settled(self, work: Coroutine[Any, Any, Made], broken: Callable[[str], Made]) -> Made | None:
        """What comes of a piece of work; None when the run ends before that is known.

        `broken` makes an outcome of a traceback: a bug of ours, stored, so that it may be tried again once mended.
        """
        task = asyncio.create_task(work)
        self._working.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._ending is None:
                raise
        except CapReachedError as error:
            self._end(Ending.CAPPED, str(error))
        except RunStoppedError as error:
            self._end(Ending.DOWN, str(error))
        except UsageError as error:  # an endpoint or a kernel that refuses refuses everybody
            self._end(Ending.REFUSED, str(error))
        except StoreError as error:  # of the response cache: the work itself stores nothing
            self._end(Ending.UNWRITTEN, str(error))
        except Exception:
            return broken(traceback.format_exc()[-4000:])
        finally:
            self._working.discard(task)
        return None

    async def _keep(self, record: Recorded) -> None:
        """Give an outcome to the ledger's writer."""
        reach(CrashPoint.OUTCOME_MADE)
        self._tally.ended(record)
        self._tally.paid(record)
        self._figures.outcome(record)
        await self._write(self._kept.add, record)

    async def _look_again(self) -> None:
        """Another actor had rows that are ours now, and died: what it was answered need not be asked again."""
        await asyncio.to_thread(self._kept.look_again)

    # -------------------------------------------------------------------------------------------- the shift

    async def _start(self) -> Tools:
        job = self._job
        self._kept = await asyncio.to_thread(
            Keeping, job.settings, job.store_uri, job.run_id, self._news.append
        )
        self._figures = Figures(job.run_id, self._tally)
        tools = self._tools(
            Around(
                self._news.append,
                self._meter.before_sending,
                self._meter.stopped,
                self._wrapped,
                self._figures,
            )
        )
        self._open = asyncio.Semaphore(job.open_rows)
        # What earlier starts and other actors spent has to be known before anything is.
        await self._tell()
        self._timers = [
            asyncio.create_task(timer()) for timer in (self._write_regularly, self._tell_regularly)
        ]
        return tools

    def _wrapped(self, client: ChatClient) -> ChatClient:
        """Around every client: only what the cache does not know is paid for."""
        metered, answers = MeteredClient(client, self._meter), self._kept.answers
        return metered if answers is None else ReplayingClient(metered, answers, self._job.answers_of)

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

    async def _work_all(self, tools: Tools, rows: list[Row]) -> list[Row]:
        finished = await asyncio.gather(*(self._work(tools, row) for row in await self._to_do(rows)))
        await self._write(self._kept.flush)
        return [row for row in finished if row is not None]

    async def _work(self, tools: Tools, row: Row) -> Row | None:
        async with self._open:
            if not self._going_on():
                return None
            self._busy += 1
            try:
                return await self._worked(tools, row)
            finally:
                self._busy -= 1

    def _going_on(self) -> bool:
        """Whether anything further may be begun."""
        if not self._ending and (capped := self._meter.stopped()):
            self._end(Ending.CAPPED, str(capped))
        return self._ending is None

    def _end(self, ending: Ending, said: str) -> None:
        """Take no further rows. The first reason stands."""
        if self._ending is None:
            self._ending, self._said = ending, said

    async def _write(self, action: Callable[..., None], *values: Recorded) -> None:
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
        self._figures.tell(self._busy, self._kept.standing)
        news, self._news[:] = list(self._news), []
        standing = self._tally.standing(
            self._meter.own,
            open_rows=self._busy,
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
