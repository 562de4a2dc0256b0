from __future__ import annotations

import asyncio

import pytest
import ray

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.pipeline.batching import TaskBatcher


async def test_every_item_gets_its_own_result_within_the_bounds() -> None:
    running, most_running, sizes = 0, 0, list[int]()

    async def run(items: list[int]) -> list[int]:
        nonlocal running, most_running
        running += 1
        most_running = max(most_running, running)
        sizes.append(len(items))
        await asyncio.sleep(0.001)
        running -= 1
        return [i * i for i in items]

    batcher = TaskBatcher(run, in_flight=3, batch=8)
    assert await asyncio.gather(*map(batcher, range(500))) == [i * i for i in range(500)]
    assert most_running == 3
    assert max(sizes) <= 8
    assert len(sizes) < 100  # it does batch


async def test_a_lone_item_does_not_wait_for_company() -> None:
    async def run(items: list[int]) -> list[int]:
        return items

    assert await asyncio.wait_for(TaskBatcher(run, in_flight=1, batch=64)(7), timeout=1) == 7


async def test_the_item_that_kills_its_worker_is_the_only_one_that_fails() -> None:
    async def run(items: list[int]) -> list[int]:
        await asyncio.sleep(0)
        if 13 in items:
            raise ray.exceptions.WorkerCrashedError
        return [-i for i in items]

    batcher = TaskBatcher(run, in_flight=2, batch=10)
    results = await asyncio.gather(*map(batcher, range(40)), return_exceptions=True)
    assert isinstance(results.pop(13), InfrastructureError)
    assert results == [-i for i in range(40) if i != 13]


async def test_a_bug_in_the_task_is_raised_and_the_batcher_goes_on() -> None:
    async def run(items: list[int]) -> list[int]:
        return [1 // i for i in items]

    batcher = TaskBatcher(run, in_flight=1, batch=1)
    with pytest.raises(ZeroDivisionError):
        await batcher(0)
    assert await batcher(1) == 1


async def test_a_cancelled_wait_leaves_the_others_alone_and_its_item_is_not_run() -> None:
    ran: list[int] = []

    async def run(items: list[int]) -> list[int]:
        await asyncio.sleep(0.01)
        ran.extend(items)
        return items

    batcher = TaskBatcher(run, in_flight=1, batch=4)
    tasks = [asyncio.ensure_future(batcher(i)) for i in range(8)]
    await asyncio.sleep(0)
    tasks[6].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [r for r in results if isinstance(r, int)] == [0, 1, 2, 3, 4, 5, 7]
    assert sorted(ran) == [0, 1, 2, 3, 4, 5, 7]
