"""What the report reckons a change to bring, against what it really brings: levers of a built-in run, turned.

    python -m benchmarks.levers --run RUN --input FOLDER --more-terms FILE --work FOLDER [--sequences 1500]

`RUN` was made from `--input` (a folder with stripped.gz, names.gz and, where it has one, meta.tsv.gz). For each
lever, up to so many of the sequences that its reason stopped, drawn by a seed, become an input of their own, and the
main job works on it with the lever turned.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from codeseq_ray.reporting.intervals import share
from codeseq_ray.reporting.levers import payoffs
from codeseq_ray.reporting.reading import RunFacts, read_run
from codeseq_ray.store.ledger import read_ledger
from codeseq_ray.store.opening import open_run
from codeseq_ray.store.settings import StoreSettings

FILES = ("stripped.gz", "names.gz", "meta.tsv.gz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("run", "input", "more-terms", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--sequences", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    levers: dict[str, list[str]] = {
        "too_few_far_cases": ["--more-terms", options.more_terms],
        "family_cap": ["--family-cap", "1000000"],
        "table": ["--allow-tables", "--family-cap", "1000000"],
        "too_few_values": ["--min-distinct", "1", "--family-cap", "1000000"],
        "too_few_terms": ["--min-terms", "7", "--family-cap", "1000000"],
    }
    store = open_run(options.run, StoreSettings(), print)
    run = read_run(store, read_ledger(store), print)
    reckoned = {one.reason: one for one in payoffs(run.judged, run.sizes_dropped)}
    print("| reason | stopped | tried | all that passed the gate | reckoned | really accepted | ÷ reckoned |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for reason, flags in levers.items():
        ids = stopped(run, reason)
        drawn = sorted(random.Random(options.seed).sample(ids, min(options.sequences, len(ids))))
        folder = Path(options.work) / reason
        write_input(Path(options.input), folder / "input", drawn)
        accepted = work(folder, flags)
        payoff, real = reckoned[reason], share(accepted, len(drawn))
        passed = [one for one in run.judged if one.step > payoff.step]
        plain = share(sum(one.accepted for one in passed), len(passed))
        assert payoff.passing is not None
        print(
            f"| `{reason}` | {len(ids):,} | {len(drawn):,} | {plain.value:.1%} | {payoff.passing.value:.1%} | "
            f"{real.value:.1%} ({real.low:.1%} to {real.high:.1%}) | {real.value / payoff.passing.value:.2f} |",
            flush=True,
        )


def stopped(run: RunFacts, reason: str) -> list[int]:
    return run.dropped.get(reason) or [one.number for one in run.facts if one.reason == reason]


def write_input(source: Path, folder: Path, numbers: Iterable[int]) -> None:
    """The lines of these sequences."""
    wanted = {f"A{number:06d}" for number in numbers}
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if not (source / name).exists():
            continue
        # Without a time in it: the same sequences are the same input when it is run again.
        with (
            gzip.open(source / name, "rt", encoding="utf-8") as lines,
            gzip.GzipFile(folder / name, "wb", mtime=0) as kept,
        ):
            for line in lines:
                if line[:1] != "A" or line[:7] in wanted:
                    kept.write(line.encode())


def work(folder: Path, flags: list[str]) -> int:
    """Run the main job; how many were accepted."""
    command = [
        sys.executable,
        "jobs/synthesize.py",
        "--input",
        folder / "input",
        "--output",
        folder,
        "--run-id",
        "r",
    ]
    done = subprocess.run([*command, *flags], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{folder}: {done.stderr[-2000:]}")
    counts = json.loads((folder / "r" / "run.json").read_text())["counts"]
    return int(counts["accepted"])


if __name__ == "__main__":
    main()
