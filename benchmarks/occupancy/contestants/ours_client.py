"""Our client alone, in the plain loop: what it adds to the SDK."""

from __future__ import annotations

import asyncio

from benchmarks.occupancy.contestants import Task, told
from benchmarks.occupancy.workload import AGAIN, MODEL, SYSTEM, prompt
from codeseq_ray.llm.roles import clients
from codeseq_ray.llm.settings import LLMSettings
from codeseq_ray.ports import ChatRequest


async def work(task: Task) -> None:
    opened = asyncio.Semaphore(task.open_records)
    settings = LLMSettings(
        generator_url=task.url,
        generator_model=MODEL,
        verifier_url=task.url,
        verifier_model=MODEL,
        requests_in_flight=task.slots,
    )
    client, _ = clients(settings)

    async def rounds(record: int) -> None:
        async with opened:
            round_, text = 0, AGAIN
            while AGAIN in text:
                round_ += 1
                messages = (
                    {"role": "system", "content": SYSTEM},
                    {"role": "user", "content": prompt(record, round_)},
                )
                text = (await client.chat(ChatRequest(messages, max_tokens=1024, temperature=0.7))).text

    await asyncio.gather(*(rounds(record) for record in task.records))
    await client.close()


if __name__ == "__main__":
    asyncio.run(work(told()))
