"""What a program costs in the sandbox, beside other ways to run it. All in one run, round by round.

    python -m benchmarks.sandbox [--rounds N | --quick] [--ways NAME …] [--latency-only] [--result FILE.json]

Each way has a process of its own. In every round each of them, in an order drawn anew, runs the same programs; a
ratio is made of two figures of one round, so that what disturbs the machine disturbs both. CPU is that of all
processes. `--quick` leaves out eight inputs of the mix for ways that start a process for each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.sandbox.programs import MIX
from benchmarks.sandbox.ways import OURS, WAYS, LackingError
from benchmarks.sandbox.workers import Worker

LOADS = (("trivial", 1), ("mix", 1), ("trivial", 8), ("mix", 8))
IN_FLIGHT = (1, 2, 16)
_PER_INPUT = {"cold", "in_asyncio", "in_bubblewrap"}


_FAST = ("ours", "bare_fork")
# (what, inputs, way, beside way, at least or at most, that)
AIMS: tuple[tuple[str, int, str, str, str, float], ...] = (
    ("cold python, in multiples of ours", 1, "cold python", OURS, ">=", 4.0),
    ("as SandboxFusion", 1, "asyncio and cold python, as SandboxFusion", OURS, ">=", 5.0),
    ("cold python at eight inputs", 8, "cold python", OURS, ">=", 25.0),
    ("ours, in multiples of the bare fork", 1, OURS, "bare fork", "<=", 1.15),
    (
        "numpy and sympy preloaded, in multiples of ours",
        1,
        "ours, numpy and sympy preloaded",
        OURS,
        "<=",
        1.5,
    ),
)
"""CPU of one way over that of another: what was aimed at."""


def passes(way: str, set_: str, inputs: int, *, quick: bool) -> int:
    """How often the set is run in a round: long enough for clocks of 10 ms, short enough to alternate often.

    Where a process is started per input, one pass over the mix at eight inputs is 160 processes.
    """
    fast = WAYS[way].startswith(_FAST)
    runs = 240 if fast else 40 if inputs == 1 else 16
    if quick:
        runs //= 2
    return max(1, runs // (1 if set_ == "trivial" else len(MIX)))


@dataclass
class Figures:
    """Of one way under one load, per program, one figure a round."""

    cpu: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    """The part of it that the worker itself took, without the processes below it."""
    wall: list[float] = field(default_factory=list)


def measure(
    workers: dict[str, Worker], rounds: int, *, quick: bool
) -> dict[tuple[str, int], dict[str, Figures]]:
    found: dict[tuple[str, int], dict[str, Figures]] = {load: defaultdict(Figures) for load in LOADS}
    order = random.Random(0)
    for number in range(rounds + 1):
        began = time.monotonic()
        for load in LOADS:
            for way in order.sample(sorted(workers), len(workers)):
                if quick and load == ("mix", 8) and WAYS[way] in _PER_INPUT:
                    continue
                count = passes(way, *load, quick=quick)
                workers[way].ask({"set": load[0], "inputs": load[1], "passes": count})
                answer = workers[way].answer()
                if number:  # the first round only warms up
                    figures = found[load][way]
                    for name in ("cpu", "own", "wall"):
                        getattr(figures, name).append(answer[name] / answer["programs"])
        print(f"round {number} of {rounds}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    return found


def latencies(in_flight: int, count: int) -> dict[str, float]:
    """Several workers at once, each with its own executor and one program at a time, as on a node of a cluster."""
    crew = [Worker(OURS) for _ in range(in_flight)]
    try:
        for worker in crew:
            worker.ask({"latencies": 20})
        for worker in crew:
            worker.answer()
        began = time.monotonic()
        for worker in crew:
            worker.ask({"latencies": count})
        # The first and the last ones of each are left out: not all may have been at work then.
        each = [worker.answer()["latencies"] for worker in crew]
        wall = time.monotonic() - began
    finally:
        for worker in crew:
            worker.close()
    kept = sorted(1000 * one for some in each for one in some[count // 10 : -(count // 10)])
    return {
        "p50_ms": kept[len(kept) // 2],
        "p99_ms": kept[int(len(kept) * 0.99)],
        "programs": len(kept),
        "programs_per_second": in_flight * count / wall,
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return {"median": middle, "low": low, "high": high}


def summary(found: dict[tuple[str, int], dict[str, Figures]]) -> dict[str, Any]:
    """Per load and way: programs/s/core, milliseconds, and the ratios to ours, round by round."""
    result: dict[str, Any] = {}
    for (set_, inputs), ways in found.items():
        ours = ways[OURS]
        result[f"{set_}, {inputs} inputs"] = {
            way: {
                "programs_per_cpu_second": 1 / statistics.median(figures.cpu),
                "cpu_ms": 1000 * statistics.median(figures.cpu),
                "own_cpu_ms": 1000 * statistics.median(figures.own),
                "wall_ms": 1000 * statistics.median(figures.wall),
                "cpu_ratio": spread([a / b for a, b in zip(figures.cpu, ours.cpu, strict=True)]),
                "wall_ratio": spread([a / b for a, b in zip(figures.wall, ours.wall, strict=True)]),
            }
            for way, figures in ways.items()
        }
    return result


def aims(found: dict[tuple[str, int], dict[str, Figures]]) -> list[dict[str, Any]]:
    result = []
    for (what, aimed_inputs, way, beside, relation, bound), ((set_, inputs), ways) in product(
        AIMS, found.items()
    ):
        if inputs == aimed_inputs and way in ways and beside in ways:
            ratio = spread([a / b for a, b in zip(ways[way].cpu, ways[beside].cpu, strict=True)])
            held = ratio["median"] >= bound if relation == ">=" else ratio["median"] <= bound
            aim = {"what": what, "load": f"{set_}, {inputs}", "aim": f"{relation} {bound}"}
            result.append({**aim, "ratio": ratio, "held": held})
    return result


def show(result: dict[str, Any]) -> None:
    def ratio(of: dict[str, float]) -> str:
        return f"{of['median']:.2f} ({of['low']:.2f} – {of['high']:.2f})"

    if result["aims"]:
        print("\n## aims (CPU; median of the rounds' ratios, quartiles)\n")
        print("| | load | aim | found | |")
        print("|---|---|---:|---:|---|")
    for aim in result["aims"]:
        held = "held" if aim["held"] else "**missed**"
        print(f"| {aim['what']} | {aim['load']} | {aim['aim']} | {ratio(aim['ratio'])} | {held} |")
    for load, ways in result["loads"].items():
        print(f"\n## {load}\n")
        print(
            "| way | programs/s/core | CPU ms | of it the caller's | wall ms | CPU, ours = 1 | wall, ours = 1 |"
        )
        print("|---|---:|---:|---:|---:|---:|---:|")
        for way in [name for name in WAYS if name in ways]:
            row = ways[way]
            print(
                f"| {way} | {row['programs_per_cpu_second']:.0f} | {row['cpu_ms']:.2f} "
                f"| {row['own_cpu_ms']:.2f} | {row['wall_ms']:.2f} "
                f"| {ratio(row['cpu_ratio'])} | {ratio(row['wall_ratio'])} |"
            )
    if result["latency"]:
        print("\n## latency of ours, mix, 1 input\n")
        print("| in flight | p50 ms | p99 ms | programs | programs/s in all |")
        print("|---:|---:|---:|---:|---:|")
    for in_flight, row in result["latency"].items():
        print(
            f"| {in_flight} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} | {row['programs']} "
            f"| {row['programs_per_second']:.0f} |"
        )
    for way, why in result["lacking"].items():
        print(f"\nleft out: {way}: {why}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="3 short rounds")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), metavar="NAME")
    parser.add_argument("--latency-only", action="store_true")
    parser.add_argument("--no-latency", action="store_true")
    parser.add_argument("--result", type=Path)
    arguments = parser.parse_args()
    rounds = 3 if arguments.quick else arguments.rounds
    result: dict[str, Any] = {
        "machine": {
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "load_average": os.getloadavg(),
        },
        "rounds": rounds,
        "loads": {},
        "aims": [],
        "latency": {},
        "lacking": {},
    }
    if not arguments.latency_only:
        workers: dict[str, Worker] = {}
        try:
            for way in dict.fromkeys([OURS, *arguments.ways]):
                try:
                    workers[way] = Worker(way)
                except LackingError as error:
                    result["lacking"][way] = str(error)
            found = measure(workers, rounds, quick=arguments.quick)
            result["loads"], result["aims"] = summary(found), aims(found)
        finally:
            for worker in workers.values():
                worker.close()
    if not arguments.no_latency:
        for in_flight in IN_FLIGHT:
            result["latency"][in_flight] = latencies(in_flight, 200 if arguments.quick else 1000)
    show(result)
    if arguments.result:
        arguments.result.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
