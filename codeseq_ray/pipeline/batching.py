"""Many small waits, few Ray tasks: gathers what a loop actor's sequences ask for at about the same time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import ray

from codeseq_ray.errors import InfrastructureError

Item = TypeVar("Item")
Result = TypeVar("Result")


class TaskBatcher(Generic[Item, Result]):
    """Runs items in Ray tasks, at most `in_flight` tasks of at most `batch` items.

    A no-op task costs 1–2 ms, a fit or a program often less. Nothing waits for a batch to fill: an item goes at
    once while a task is free, and what arrives meanwhile goes together with the next.
    """

    def __init__(
        self, run: Callable[[list[Item]], Awaitable[Sequence[Result]]], *, in_flight: int, batch: int
    ) -> None:
        self._run = run
        self._in_flight, self._batch = in_flight, batch
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._out = 0

    async def __call__(self, item: Item) -> Result:
        """The item's result. Raises InfrastructureError if its task cannot be brought to an end."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._start_tasks()
        return await future

    @property
    def backlog(self) -> int:
        """Items without a result."""
        return len(self._waiting) + self._out

    def _start_tasks(self) -> None:
        while self._waiting and (free := self._in_flight - len(self._running)) > 0:
            # Spread what waits over the free tasks: two half batches end sooner than one whole.
            size = min(self._batch, -(-len(self._waiting) // free))
            chunk: list[tuple[Item, asyncio.Future[Result]]] = []
            while self._waiting and len(chunk) < size:
                if not (waits := self._waiting.popleft())[1].done():  # else nobody waits for it any more
                    chunk.append(waits)
            if not chunk:
                return
            task = asyncio.create_task(self._work(chunk))
            self._running.add(task)
            self._out += len(chunk)
            task.add_done_callback(partial(self._finished, len(chunk)))

    def _finished(self, size: int, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._out -= size
        self._start_tasks()

    async def _work(self, chunk: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._run([item for item, _ in chunk])
        except ray.exceptions.RayTaskError as error:  # raised by the task's own code: a bug of ours
            for _, future in chunk:
                _settle(future, error=error)
            return
        except (ray.exceptions.RayError, InfrastructureError) as error:
            if len(chunk) > 1:
                # One of them took the worker down; which, is seen when each goes alone.
                for single in chunk:
                    await self._work([single])
                return
            _settle(chunk[0][1], error=InfrastructureError(f"a worker task ended without a result: {error}"))
            return
        except BaseException as error:
            for _, future in chunk:
                _settle(future, error=error)
            return
        for (_, future), result in zip(chunk, results, strict=True):
            _settle(future, result=result)


def _settle(
    future: asyncio.Future[Result], *, result: Result | None = None, error: BaseException | None = None
) -> None:
    if future.done():  # its sequence was cancelled meanwhile
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)  # type: ignore[arg-type]
