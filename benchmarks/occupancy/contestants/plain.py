"""The bar: asyncio and aiohttp, one task per record, a semaphore over the requests."""

from __future__ import annotations

import asyncio

import aiohttp

from benchmarks.occupancy.contestants import Task, told
from benchmarks.occupancy.workload import AGAIN, MODEL, SYSTEM, prompt


async def work(task: Task) -> None:
    slots = asyncio.Semaphore(task.slots)
    opened = asyncio.Semaphore(task.open_records)
    url = f"{task.url}/chat/completions"

    async def ask(session: aiohttp.ClientSession, record: int, round_: int) -> str:
        messages = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": prompt(record, round_)},
        ]
        body = {"model": MODEL, "messages": messages, "max_tokens": 1024, "temperature": 0.7}
        async with slots, session.post(url, json=body) as response:
            response.raise_for_status()
            text: str = (await response.json())["choices"][0]["message"]["content"]
        return text

    async def rounds(session: aiohttp.ClientSession, record: int) -> None:
        async with opened:
            round_ = 1
            while AGAIN in await ask(session, record, round_):
                round_ += 1

    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await asyncio.gather(*(rounds(session, record) for record in task.records))


if __name__ == "__main__":
    asyncio.run(work(told()))
