"""Accepted programs against terms that no agent, no case and no judge of the run ever had.

    python -m benchmarks.far_terms --run runs/ID --terms terms80.gz

Runs every program of the run's latest release on all indices of the longer terms file that the release does not
list, in the sandbox, and prints every one that is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import io
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Limits
from codeseq_ray.records import Case, Program
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.store.objects import open_store


def longer_terms(path: Path) -> dict[str, list[str]]:
    with gzip.open(path, "rt") as lines:
        return {line.split(" ", 1)[0]: line.split(",")[1:-1] for line in lines if line.startswith("A")}


def problems(run: str) -> list[dict[str, object]]:
    store = open_store(run)
    release = json.loads(store.get("latest.json"))["release"]
    rows = []
    for key in store.list(f"{release}/data/problems/"):
        rows += pq.read_table(io.BytesIO(store.get(key))).to_pylist()
    return rows


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--terms", required=True, type=Path)
    arguments = parser.parse_args()
    terms = longer_terms(arguments.terms)
    executor = SandboxExecutor()
    found: Counter[str] = Counter()
    manner = Manner(limits=Limits(cpu_seconds=10), trusted=True)
    for row in problems(arguments.run):
        listed = [c["output"] for c in (*row["examples"], *row["cases"], *row["far_cases"])]  # type: ignore[misc]
        everything = terms.get(str(row["sequence_id"]), [])
        dropped = next((d for d in range(4) if everything[d : d + len(listed)] == listed), None)
        if dropped is None:
            found["terms differ from the release's"] += 1
            continue
        first = int(row["examples"][0]["input"]) - dropped  # type: ignore[index]
        new = [
            Case(input=str(first + i), output=term)
            for i, term in enumerate(everything)
            if i >= dropped + len(listed)
        ]
        if not new:
            found["no further terms"] += 1
            continue
        verdict = await judge(executor, Program(source=str(row["program"])), new, manner)
        found[verdict.kind.value] += 1
        found["terms checked"] += verdict.total
        if not verdict.ok:
            case = new[verdict.failing_case or 0]
            print(
                f"{row['sequence_id']} at {case.input}: expected {case.output[:60]}, got {verdict.got[:60]} "
                f"({verdict.kind.value}); {len(listed)} terms were listed; {row['name']}"
            )
    executor.close()
    print(json.dumps(dict(found), indent=1))


if __name__ == "__main__":
    asyncio.run(main())
