"""Bespoke Curator in five passes: it has no loops, so each pass asks for the records that need another round."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

# Curator counts tokens with tiktoken, which downloads its table when it has none. litellm brings that table along.
_LITELLM = importlib.util.find_spec("litellm")
assert _LITELLM is not None
assert _LITELLM.origin is not None
os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(_LITELLM.origin).parent / "litellm_core_utils" / "tokenizers")

from bespokelabs import curator  # noqa: E402

from benchmarks.occupancy.contestants import Task, told  # noqa: E402
from benchmarks.occupancy.workload import AGAIN, MODEL, SYSTEM, prompt  # noqa: E402

NO_LIMIT = 10_000_000


class Round(curator.LLM):
    def prompt(self, input: dict[str, Any]) -> str:
        return prompt(input["record"], input["round"])

    def parse(self, input: dict[str, Any], response: str) -> dict[str, Any]:
        return {"record": input["record"], "round": input["round"], "answer": response}


def work(task: Task) -> None:
    llm = Round(
        model_name=MODEL,
        backend="openai",
        system_prompt=SYSTEM,
        backend_params={
            "base_url": task.url,
            "api_key": "EMPTY",
            "max_concurrent_requests": task.slots,
            "max_requests_per_minute": NO_LIMIT,
            "max_tokens_per_minute": NO_LIMIT * 1000,
        },
        generation_params={"max_tokens": 1024, "temperature": 0.7},
    )
    rows = [{"record": record, "round": 1} for record in task.records]
    while rows:
        answers = llm(rows, working_dir=str(task.folder)).dataset
        rows = [
            {"record": row["record"], "round": row["round"] + 1} for row in answers if AGAIN in row["answer"]
        ]


if __name__ == "__main__":
    work(told())
