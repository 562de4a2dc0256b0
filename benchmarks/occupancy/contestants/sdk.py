"""The bare SDK on its aiohttp transport, in the plain loop: what every client of `openai` pays at least."""

from __future__ import annotations

import asyncio

import openai

from benchmarks.occupancy.contestants import Task, told
from benchmarks.occupancy.workload import AGAIN, MODEL, SYSTEM, prompt


async def work(task: Task) -> None:
    slots, opened = asyncio.Semaphore(task.slots), asyncio.Semaphore(task.open_records)
    sdk = openai.AsyncOpenAI(
        base_url=task.url, api_key="EMPTY", max_retries=0, http_client=openai.DefaultAioHttpClient()
    )

    async def ask(record: int, round_: int) -> str:
        async with slots:
            completion = await sdk.chat.completions.create(
                model=MODEL,
                messages=[
                    {"role": "system", "content": SYSTEM},
                    {"role": "user", "content": prompt(record, round_)},
                ],
                max_tokens=1024,
                temperature=0.7,
            )
        return completion.choices[0].message.content or ""

    async def rounds(record: int) -> None:
        async with opened:
            round_ = 1
            while AGAIN in await ask(record, round_):
                round_ += 1

    await asyncio.gather(*(rounds(record) for record in task.records))
    await sdk.close()


if __name__ == "__main__":
    asyncio.run(work(told()))
