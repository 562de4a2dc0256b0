"""Plan, ledger, start and release at the size of the whole OEIS and beyond: time, memory, objects.

    python -m benchmarks.scale [--sizes 50000,395000] [--result FILE.md]

The input is the long OEIS file (CODESEQ_TEST_DATA) as often as is needed, with new A-numbers, other words in the
names and other terms, so that no family grows. Outcomes are made up (no model, no sandbox: records of about 4 KB,
three in ten accepted) and written by four ledger writers in turn, as loop actors do. Each stage is a process of its
own; memory is its peak, of the driver for the plan. Everything lies in a folder.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

STAGES = ("plan", "ledger", "start", "publish")
RUN_ID = "large"
PADDING = 1200


def lines_of(name: str) -> Iterator[tuple[str, str]]:
    """(A-number, rest of the line) of a bulk file."""
    with gzip.open(Path(os.environ["CODESEQ_TEST_DATA"], name), "rt", encoding="utf-8") as file:
        for line in file:
            if line.startswith("A"):
                number, _, rest = line.rstrip("\n").partition(" ")
                yield number, rest


def write_input(folder: Path, size: int) -> None:
    """So many sequences: copy k of a real one adds k to each term and a word to the name."""
    folder.mkdir()
    for name in ("stripped.gz", "names.gz"):
        known = list(lines_of(name))
        with gzip.open(folder / name, "wt", encoding="utf-8", compresslevel=1) as file:
            for at in range(size):
                copy, place = divmod(at, len(known))
                rest = known[place][1]
                if copy and name == "stripped.gz":
                    terms = [int(term) + copy for term in rest.strip(",").split(",")]
                    rest = f",{','.join(map(str, terms))},"
                elif copy:
                    rest = f"{rest} {chr(97 + copy) * 5}"
                file.write(f"A{at + 1:06d} {rest}\n")


def plan(folder: Path, size: int) -> dict[str, Any]:
    import ray

    from codeseq_ray.oeis.source import open_source
    from codeseq_ray.pipeline import cluster
    from codeseq_ray.pipeline.planning import make_plan
    from codeseq_ray.settings import load

    write_input(folder / "input", size)
    cluster.connect(2)
    begun = time.perf_counter()
    rows, _ = make_plan(open_source(str(folder / "input"), None), load([]))
    count = run_in(folder).write_plan(rows)
    seconds = time.perf_counter() - begun
    ray.shutdown()
    return {"rows": count, "seconds": seconds}


def ledger(folder: Path, size: int) -> dict[str, Any]:
    from codeseq_ray.records import Outcome
    from codeseq_ray.store.ledger import LedgerWriter
    from tests.store.synthetic import record

    run = run_in(folder)
    selected = (row for row in run.read_plan() if row.selected)
    begun, count = time.perf_counter(), 0

    def write(writer: LedgerWriter, number: int, row: Any) -> None:
        made = record(number, Outcome.REJECTED if number % 10 > 2 else Outcome.ACCEPTED, padding=PADDING)
        writer.add(made.model_copy(update={"family": row.family, "split": row.split}))

    writers = [LedgerWriter(run, "loop", seconds=1e9) for _ in range(4)]
    for row in selected:
        write(writers[count % 4], int(row.sequence_id[1:]), row)
        count += 1
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(LedgerWriter.flush, writers))
    objects = sum(1 for _ in run.store.list(run.key("ledger/"))) + sum(
        1 for _ in run.store.list(run.key("records/"))
    )
    return {"outcomes": count, "objects": objects, "seconds": time.perf_counter() - begun}


def start(folder: Path, size: int) -> dict[str, Any]:
    """What a start does before it hands out work, and one merge of the segments."""
    from codeseq_ray.pipeline.source import Todo
    from codeseq_ray.store.ledger import ledger_of
    from codeseq_ray.store.merging import merge, read_rows

    begun = time.perf_counter()
    run = run_in(folder)
    selected = Todo.of(row for row in run.read_plan() if row.selected)
    rows = read_rows(run)
    known = ledger_of(rows)
    seconds = time.perf_counter() - begun
    merge(run, rows)
    begun = time.perf_counter()
    ledger_of(read_rows(run))
    again = time.perf_counter() - begun
    return {"selected": len(selected), "outcomes": len(known), "seconds": seconds, "ledger_again": again}


def publish(folder: Path, size: int) -> dict[str, Any]:
    from codeseq_ray.store import releases
    from codeseq_ray.store.ledger import read_ledger

    begun = time.perf_counter()
    run = run_in(folder)
    release = releases.publish(run, run.read_plan(), read_ledger(run), partial=False, info={})
    files = release.manifest["files"]
    return {
        "rows": sum(file.get("rows", 0) for file in files.values()),
        "files": len(files),
        "seconds": time.perf_counter() - begun,
    }


def run_in(folder: Path) -> Any:
    from codeseq_ray.store.objects import open_store
    from codeseq_ray.store.run import RunStore

    return RunStore(open_store(str(folder / "runs")), RUN_ID)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="50000,395000")
    parser.add_argument("--result", type=Path)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    if options.stage:
        told = globals()[options.stage](options.folder, sizes[0])
        told["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        (options.folder / f"{options.stage}.json").write_text(json.dumps(told))
        return
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="scale") as name:
            for stage in STAGES:
                command = [sys.executable, "-m", "benchmarks.scale", "--stage", stage, "--sizes", str(size)]
                environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
                subprocess.run([*command, "--folder", name], check=True, env=environment)
                told = json.loads(Path(name, f"{stage}.json").read_text())
                found.setdefault(size, {})[stage] = told
                print(size, stage, told, flush=True)
    text = table(found)
    print(text)
    if options.result:
        options.result.write_text(text + "\n")


def table(found: dict[int, dict[str, dict[str, Any]]]) -> str:
    small, large = min(found), max(found)
    lines = [
        f"| stage | {small:,} sequences | {large:,} sequences | growth of the work | of the time | of the memory |",
        "|---|---|---|---:|---:|---:|",
    ]
    for stage in STAGES:
        a, b = found[small][stage], found[large][stage]
        work = next(key for key in ("rows", "outcomes", "selected") if key in a)
        cells = [
            ", ".join(
                f"{told[key]:,.1f} s" if "second" in key or "again" in key else f"{told[key]:,} {key}"
                for key in islice(told, 8)
            )
            for told in (a, b)
        ]
        growth = [f"{b[key] / a[key]:.1f} ×" for key in (work, "seconds", "mib")]
        lines.append(f"| {stage} | {cells[0]} | {cells[1]} | {' | '.join(growth)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
