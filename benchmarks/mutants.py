"""What mutants cost a run, and how strong the hidden cases of the bundled sample are.

    python -m benchmarks.mutants --repeats 3

Runs the main job on the bundled sample with and without mutants, in turn, each with a Ray of its own. Held against
each other is the CPU time of all processes, Ray's too: where others use the machine, the clock says little.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.process_tree import measure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--counts", default="0,12", help="of mutants, separated by commas; the first is held against"
    )
    arguments = parser.parse_args()
    counts = [int(count) for count in arguments.counts.split(",")]
    used: dict[int, list[float]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory(prefix="codeseq-mutants-") as folder:
        for repeat in range(arguments.repeats):
            for count in counts:
                cpu, wall = run(Path(folder), f"{count}-{repeat}", count)
                used[count].append(cpu)
                print(f"{count} mutants: {cpu:.1f} CPU s, {wall:.1f} s", flush=True)
        base = statistics.median(used[counts[0]])
        for count in counts[1:]:
            print(f"{count} against {counts[0]}: {statistics.median(used[count]) / base:.2f}")
            for line in strength(Path(folder, f"{count}-0")):
                print(line)


def run(folder: Path, run_id: str, mutants: int) -> tuple[float, float]:
    """CPU and wall seconds of a run, all that it started included."""
    flags = ["--output", str(folder), "--run-id", run_id, "--mutants", str(mutants)]
    used = measure([sys.executable, "jobs/synthesize.py", *flags])
    if used.exit_code:
        sys.exit(used.output)
    return used.cpu_seconds, used.wall_seconds


def strength(run: Path) -> list[str]:
    rows = [
        row
        for path in sorted(run.glob("releases/0001/data/problems/*.parquet"))
        for row in pq.read_table(path, columns=["mutants", "mutants_killed", "weak_cases"]).to_pylist()
    ]
    tested = [row for row in rows if row["mutants"]]
    killed, made = (sum(row[name] for row in tested) for name in ("mutants_killed", "mutants"))
    bars = Counter(min(9, int(10 * row["mutants_killed"] / row["mutants"])) for row in tested)
    return [
        f"{len(rows)} problems, {len(tested)} with mutants; {killed} of {made} killed ({killed / made:.1%})",
        f"fewer than half killed: {sum(row['weak_cases'] for row in rows)}",
        *(f"{bar / 10:.1f} to {(bar + 1) / 10:.1f}: {bars[bar]}" for bar in range(10)),
    ]


if __name__ == "__main__":
    main()
