"""Correct programs beside CPU hogs: does any of them run out of time?

    python -m benchmarks.busy_machine [--programs 2000] [--hogs 4] [--executors 2] [--result FILE.json]

Two loads, both judged as jobs do: small programs under the usual limits, and programs that need about a third of the
CPU time that they may take (measured before the hogs start). Each also says how many programs took longer than their
limit by the wall clock: those a judge that looks there would have failed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.sandbox.programs import INPUTS, MIX
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Execution, Limits
from codeseq_ray.records import Case, Program, VerdictKind
from codeseq_ray.sandbox import SandboxExecutor

_HOG = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(10**6): pass"
"""Ends by itself when whoever started it is gone."""
HARD = "n = int(input())\nt = 0\nfor k in range(200_000):\n    t += k & n\nprint(n)"
"""Some tens of milliseconds of CPU time."""
ROOM = 3.0
"""Its limit, in multiples of what it needs on a quiet machine."""


@contextlib.contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute, meanwhile."""
    crew = [subprocess.Popen([sys.executable, "-I", "-S", "-c", _HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in crew:
            hog.kill()
        for hog in crew:
            hog.wait()


@dataclass
class Tally:
    """What became of the programs of one load."""

    limit_seconds: float
    verdicts: Counter[str] = field(default_factory=Counter)
    cpu_ms: list[float] = field(default_factory=list)
    """Of single programs."""
    wall_ms: list[float] = field(default_factory=list)

    def add(self, kind: VerdictKind, cpu_ms: float, wall_ms: float) -> None:
        self.verdicts[kind.value] += 1
        self.cpu_ms.append(cpu_ms)
        self.wall_ms.append(wall_ms)

    def figures(self) -> dict[str, Any]:
        return {
            "cpu_limit_ms": round(1000 * self.limit_seconds, 1),
            "verdicts": dict(self.verdicts),
            "cpu_ms": {
                "median": round(statistics.median(self.cpu_ms), 1),
                "most": round(max(self.cpu_ms), 1),
            },
            "wall_ms": {
                "median": round(statistics.median(self.wall_ms), 1),
                "most": round(max(self.wall_ms), 1),
            },
            "over_the_limit_by_the_wall_clock": sum(w > 1000 * self.limit_seconds for w in self.wall_ms),
        }


def small_programs(count: int) -> list[tuple[Program, Case]]:
    return [
        (
            Program(source=MIX[at % len(MIX)].source),
            Case(
                input=str(INPUTS[at % len(INPUTS)]), output=str(MIX[at % len(MIX)].outputs[at % len(INPUTS)])
            ),
        )
        for at in range(count)
    ]


def hard_programs(count: int) -> list[tuple[Program, Case]]:
    return [(Program(source=HARD), Case(input=str(at), output=str(at))) for at in range(count)]


def needed_seconds(executor: SandboxExecutor) -> float:
    """CPU time of `HARD`. Ask before the hogs start."""
    runs = executor.run(Execution(HARD, ("7",) * 15, one_process_per_input=True)).runs
    return statistics.median(run.cpu_ms for run in runs) / 1000


def judged(executors: list[SandboxExecutor], programs: list[tuple[Program, Case]], limits: Limits) -> Tally:
    """All programs, one at a time in each executor."""
    tally = Tally(limits.cpu_seconds)
    left = iter(programs)

    def work(executor: SandboxExecutor) -> None:
        with asyncio.Runner() as runner:
            for program, case in left:  # one list for all: an executor takes the next when it is free
                began = time.monotonic()
                verdict = runner.run(judge(executor, program, [case], Manner(limits=limits)))
                tally.add(verdict.kind, verdict.cpu_ms, 1000 * (time.monotonic() - began))

    with ThreadPoolExecutor(len(executors)) as pool:
        for done in [pool.submit(work, executor) for executor in executors]:
            done.result()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--hogs", type=int, default=4)
    parser.add_argument("--executors", type=int, default=2)
    parser.add_argument("--result", type=Path)
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        "machine": {
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "programs": arguments.programs,
        "hogs": arguments.hogs,
        "executors": arguments.executors,
    }
    executors = [SandboxExecutor() for _ in range(arguments.executors)]
    try:
        needed = needed_seconds(executors[0])
        with hogs(arguments.hogs):
            for name, programs, limits in (
                ("usual limits", small_programs(arguments.programs), Limits()),
                (
                    "a third of the limit",
                    hard_programs(arguments.programs),
                    Limits(cpu_seconds=ROOM * needed),
                ),
            ):
                began = time.monotonic()
                tally = judged(executors, programs, limits)
                result[name] = {**tally.figures(), "seconds": round(time.monotonic() - began, 1)}
                print(name, json.dumps(result[name]), flush=True)
    finally:
        for executor in executors:
            executor.close()
    if arguments.result:
        arguments.result.write_text(json.dumps(result, indent=1) + "\n")
    if any(set(result[name]["verdicts"]) != {"passed"} for name in ("usual limits", "a third of the limit")):
        sys.exit(1)


if __name__ == "__main__":
    main()
