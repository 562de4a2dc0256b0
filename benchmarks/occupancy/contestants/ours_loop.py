"""Our agents, loop and client on one event loop, without Ray, ledger and cache: what those add is the rest."""

from __future__ import annotations

import asyncio

from benchmarks.occupancy.contestants import Task, told
from benchmarks.occupancy.contestants.ours import settings_of
from benchmarks.occupancy.crew import crew
from codeseq_ray.oeis.source import open_source
from codeseq_ray.pipeline.crew import Around
from codeseq_ray.records import Sequence, Split
from codeseq_ray.synthesis.loop import Assignment, synthesise_in_turn


async def work(task: Task) -> None:
    settings = settings_of(task)
    assert settings.input is not None
    shards = open_source(settings.input, None).shards()
    sequences = [item for shard in shards for item in shard.read() if isinstance(item, Sequence)]
    made = crew(settings, Around(print))
    opened = asyncio.Semaphore(task.open_records)

    async def one(sequence: Sequence) -> None:
        async with opened:
            assignment = Assignment(sequence, Split.SFT, sequence.id)
            await synthesise_in_turn(assignment, made.pairs, made.executor, settings)

    await asyncio.gather(*(one(sequence) for sequence in sequences))
    await made.close()


if __name__ == "__main__":
    asyncio.run(work(told()))
