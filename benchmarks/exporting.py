"""How much memory and CPU an export takes: a release's rows, repeated under other A-numbers, to every target.

python -m benchmarks.exporting --release runs/first/releases/0001 --rows 400000 --folder /tmp/exports [--tokenizer T]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.dataset.views import Row
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.releases import FORMAT_VERSION, draw
from codeseq_ray.store.run import RunStore

TARGETS = ("trl", "verl", "llama-factory", "jsonl", "hub-folder")


def repeated(release: Path, rows: int) -> Iterator[Row]:
    """So many problems, with their SFT rows, and an outcome for each; families and A-numbers are new ones."""
    sources = {
        split: pq.read_table(next((release / "data/problems").glob(f"{split}-*"))).to_pylist()
        for split in ("sft", "rl", "eval")
    }
    chats = {row["problem_id"]: row for row in pq.read_table(release / "data/sft").to_pylist()}
    outcomes = {row["sequence_id"]: row for row in pq.read_table(release / "data/outcomes").to_pylist()}
    every = [(split, row) for split, found in sources.items() for row in found]
    for number in range(1, rows + 1):
        split, row = every[number % len(every)]
        name = f"A{number:06d}"
        new: dict[str, Any] = {"sequence_id": name, "family": name}
        made = {**row, **new, "problem_id": f"{name}-{row['problem_id'].split('-')[1]}"}
        yield Row("problems", split, made)
        if split == "sft":
            chat = chats[row["problem_id"]]
            yield Row("sft", "train", {**chat, "sequence_id": name, "problem_id": made["problem_id"]})
        yield Row("outcomes", "train", {**outcomes[row["sequence_id"]], **new})


def make(release: Path, rows: int, folder: Path) -> Path:
    run = RunStore(open_store(str(folder)), f"rows-{rows}")

    def finish() -> tuple[str, dict[str, Any]]:
        card = (release / "README.md").read_text(encoding="utf-8")
        head = {"format": FORMAT_VERSION, "run_id": run.run_id, "fingerprint": "", "partial": False}
        return card, {**head, "outcome_digest": "", "counts": {}, "info": {}}

    return Path(draw(run, "digest", repeated(release, rows), CONFIGS, finish).uri)


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds, peak memory in MB of a child process that has to succeed."""
    watched = (
        "import os, resource, subprocess, sys; code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    )
    begun = time.monotonic()
    said = subprocess.run(
        [sys.executable, "-c", watched, *command], capture_output=True, text=True, check=True
    )
    code, cpu, peak = said.stdout.split()[-3:]
    if code != "0":
        raise SystemExit(f"{' '.join(command)} ended with {code}:\n{said.stderr}")
    return time.monotonic() - begun, float(cpu), float(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[40_000, 400_000])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tokenizer")
    parser.add_argument("--to", nargs="+", default=TARGETS)
    arguments = parser.parse_args()
    print("| problems | target | wall s | CPU s | peak MB | rows/CPU s |\n|---:|---|---:|---:|---:|---:|")
    for rows in arguments.rows:
        made = arguments.folder / f"rows-{rows}" / "releases" / "0001"
        if not (made / "manifest.json").is_file():
            make(arguments.release, rows, arguments.folder)
        for to in arguments.to:
            command = [sys.executable, "jobs/export.py", "--dataset", str(made), "--to", to, "--overwrite"]
            command += ["--output", str(arguments.folder / "out")]
            if arguments.tokenizer and to != "hub-folder":
                command += ["--tokenizer", arguments.tokenizer]
            wall, cpu, peak = measured(command)
            print(
                f"| {rows:,} | {to} | {wall:.0f} | {cpu:.0f} | {peak:.0f} | {rows / cpu:.0f} |",
                flush=True,
            )
    print(f"\nthis process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
