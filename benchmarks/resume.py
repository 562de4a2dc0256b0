"""How long a start takes to know what is done: plan and ledger of many outcomes, listed and read anew.

    python -m benchmarks.resume [--outcomes 400000] [--per-segment 64] [--result FILE.json]

On a real S3 server (SeaweedFS) and on a folder. Each reading is a process of its own, as a driver that was killed
and started again would do it, up to the point where it hands out work: the plan's selected sequences, one outcome per
sequence, what is left. Twice: with every segment apart, as a driver leaves it that never merged, and merged, with the
segments of the last minutes apart. The outcomes are made up (no model, no sandbox); their rows and names are as
loop actors write them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from codeseq_ray.pipeline.source import Todo
from codeseq_ray.records import Outcome, PlanRow, Reason, Split, Stage
from codeseq_ray.store import parquet
from codeseq_ray.store.ledger import ledger_of
from codeseq_ray.store.local_s3 import LocalS3
from codeseq_ray.store.merging import MERGE_AT, merge, read_rows
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import LEDGER_SCHEMA

RUN_ID = "large"
LATE_SEGMENTS = MERGE_AT
"""Apart again after the merge: as many as may be before the next one."""
UNDONE = 50
"""Every so-maniest selected sequence has no outcome yet."""


def plan_rows(count: int) -> Iterator[PlanRow]:
    splits = list(Split)
    for number in range(1, count + 1):
        yield PlanRow(
            sequence_id=f"A{number:06d}",
            family=f"A{number:06d}",
            split=splits[number % 3],
            selected=True,
            reason="",
        )


def segment(name: str, numbers: list[int]) -> bytes:
    """Ledger rows as a loop actor writes them: one in five accepted, the others with reasons."""
    reasons = list(Reason)
    rows = [
        {
            "sequence_id": f"A{number:06d}",
            "attempt": 1,
            "outcome": (Outcome.REJECTED if number % 5 else Outcome.ACCEPTED).value,
            "reason": reasons[number % len(reasons)].value if number % 5 else "",
            "rounds": number % 6,
            "tokens": number * 7919 % 9000,
            "record_key": f"records/{name}",
            "stage": list(Stage)[number % len(Stage)].value,
        }
        for number in numbers
    ]
    return parquet.encode(rows, LEDGER_SCHEMA)


def fill(run: RunStore, outcomes: int, per_segment: int, first: int, writer: str) -> int:
    """Segments of these outcomes in an order that no A-number follows; returns how many."""
    numbers = [n for n in range(first, first + outcomes) if n % UNDONE]
    np.random.default_rng(0).shuffle(numbers)
    names = []

    def put(at: int) -> None:
        name = f"loop-{writer}-{at:06d}.parquet"
        body = segment(name, numbers[at * per_segment : (at + 1) * per_segment])
        run.store.put(run.key(f"ledger/{name}"), body)

    count = -(-len(numbers) // per_segment)
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(put, range(count)))
    return len(names)


def measure(uri: str) -> dict[str, Any]:
    """What a start does before it hands out work."""
    begun, cpu = time.perf_counter(), time.process_time()
    run = RunStore(open_store(uri), RUN_ID)
    selected = Todo.of(row for row in run.read_plan() if row.selected)
    planned = time.perf_counter()
    rows = read_rows(run)
    ledger = ledger_of(rows)
    read = time.perf_counter()
    done = np.array(sorted(ledger.done_ids), dtype=np.int64)
    todo = selected.where(~np.isin(selected.numbers, done), ledger.next_attempt, lambda _: 0)
    return {
        "objects_apart": len(rows.apart),
        "outcomes": len(ledger),
        "to_go": len(todo),
        "plan_seconds": round(planned - begun, 2),
        "ledger_seconds": round(read - planned, 2),
        "seconds": round(time.perf_counter() - begun, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def measured(uri: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.resume", "--measure", uri]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def race(uri: str, outcomes: int, per_segment: int) -> dict[str, Any]:
    run = RunStore(open_store(uri), RUN_ID)
    run.write_plan(plan_rows(outcomes + LATE_SEGMENTS))
    segments = fill(run, outcomes, per_segment, 1, "early")
    apart = measured(uri)
    begun = time.perf_counter()
    name = merge(run, read_rows(run))
    merging = time.perf_counter() - begun
    fill(run, LATE_SEGMENTS + LATE_SEGMENTS // UNDONE, 1, outcomes + 1, "late")
    return {
        "segments": segments,
        "apart": apart,
        "merge_seconds": round(merging, 2),
        "merged_bytes": len(run.store.get(run.key(name))),
        "merged": measured(uri),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--outcomes", type=int, default=400_000)
    parser.add_argument("--per-segment", type=int, default=64)
    parser.add_argument("--result", type=Path)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    found: dict[str, Any] = {
        "outcomes": arguments.outcomes,
        "per_segment": arguments.per_segment,
        "machine": f"{os.cpu_count()} shared cores, Python {platform.python_version()}",
    }
    with tempfile.TemporaryDirectory() as folder, LocalS3(Path(folder, "s3")) as server:
        os.environ.update(server.environment)
        server.make_bucket()
        found["folder"] = race(str(Path(folder, "runs")), arguments.outcomes, arguments.per_segment)
        print(json.dumps(found["folder"], indent=1), flush=True)
        found["s3"] = race("s3://codeseq/runs", arguments.outcomes, arguments.per_segment)
        print(json.dumps(found["s3"], indent=1), flush=True)
    if arguments.result:
        arguments.result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
