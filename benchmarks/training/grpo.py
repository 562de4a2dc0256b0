"""GRPO without a GPU, its worker killed on the way: the reward's parts over the steps, and the time for verdicts.

    python -m benchmarks.training.grpo --kill-after 8 -- --model MODEL --dataset RUN --output runs --run-id grpo …

Starts jobs/train_grpo.py with what follows `--`, kills its Ray Train worker (SIGKILL) once a checkpoint of at least
that step is saved, and prints the table of `log.json`. Run again it goes on, and prints.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kill-after", type=int, default=0, help="step; 0: kill nobody")
    parser.add_argument("job", nargs="+", help="arguments of jobs/train_grpo.py")
    asked = parser.parse_args()
    command = [sys.executable, "jobs/train_grpo.py", *asked.job]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    to_kill = asked.kill_after
    for line in job.stdout:
        print(line, end="", flush=True)
        if to_kill and "checkpoint saved" in line and int(line.split()[1].replace(",", "")) >= to_kill:
            for pid in workers(job.pid):
                os.kill(pid, signal.SIGKILL)
                print(f"(killed worker {pid})", flush=True)
            to_kill = 0
    if job.wait() == 0:
        arguments = dict(zip(asked.job, asked.job[1:], strict=False))
        table(Path(arguments["--output"]) / arguments["--run-id"] / "log.json")


def workers(of: int) -> Iterator[int]:
    """Ray Train's workers under a process."""
    for process in psutil.Process(of).children(recursive=True):
        if "RayTrainWorker" in " ".join(process.cmdline()):
            yield process.pid


def table(path: Path) -> None:
    log = [entry for entry in json.loads(path.read_text())["log"] if "reward" in entry]
    print("\n| step | reward | passed | for programs | for cases | tokens | s a step | s for verdicts |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for entry in log:
        cells = [
            entry["reward"],
            entry["cssr/passed"],
            entry["cssr/pass_part"],
            entry["cssr/case_part"],
            entry["completions/mean_length"],
            entry["step_time"],
            entry["cssr/seconds"],
        ]
        print(f"| {entry['step']} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    verdicts, steps = (sum(entry[name] for entry in log) for name in ("cssr/seconds", "step_time"))
    print(f"\nverdicts: {verdicts:.0f} s of {steps:.0f} s in steps, {100 * verdicts / steps:.1f} %")


if __name__ == "__main__":
    main()
