"""`ray.data.llm`'s HTTP processor: one request per row. The best of the settings that were tried: one row a batch,
actors of sixteen batches each (the environment variable is set by the benchmark)."""

from __future__ import annotations

import ray
from ray.data.llm import HttpRequestProcessorConfig, build_processor

from benchmarks.occupancy.contestants import Task, told
from benchmarks.occupancy.workload import MODEL, SYSTEM, prompt

CALLS_PER_ACTOR = 16


def work(task: Task) -> None:
    actors = max(1, task.slots // CALLS_PER_ACTOR)
    # Every actor asks for a whole CPU. They only wait: let there be enough in name, and some for the rows' making.
    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=2 * actors)
    ray.data.DataContext.get_current().enable_progress_bars = False
    processor = build_processor(
        HttpRequestProcessorConfig(
            url=f"{task.url}/chat/completions",
            batch_size=1,
            concurrency=max(1, task.slots // CALLS_PER_ACTOR),
        ),
        preprocess=lambda row: {
            "payload": {
                "model": MODEL,
                "messages": [
                    {"role": "system", "content": SYSTEM},
                    {"role": "user", "content": prompt(int(row["record"]), 1)},
                ],
                "max_tokens": 1024,
                "temperature": 0.7,
            }
        },
        postprocess=lambda row: {"answer": row["http_response"]["choices"][0]["message"]["content"]},
    )
    rows = [{"record": record} for record in task.records]
    # An actor's calls overlap within a block, and none begins before the last of the block before has ended.
    records = ray.data.from_items(rows, override_num_blocks=actors)
    processor(records).materialize()


if __name__ == "__main__":
    work(told())
