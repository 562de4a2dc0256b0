"""The whole pipeline in fair and in bad weather, on the same sequences: what is lost, and what it costs.

    python -m benchmarks.bad_weather [--input FOLDER] [--limit N] [--repeats 3] [--result FILE.md]

Two model servers share the work. In bad weather 10 % of requests meet 429, 5 % meet 500, 2 % lose their connection,
2 % get half of a JSON body, and in the middle one of the two servers is gone for 30 s. The stand-ins' right and
wrong answers are drawn by the request alone (`tests/model_server`), so every sequence must come to the same outcome.

Throughput is answers per slot-second that was there: the slots of both servers from the first request to the last
answer, less those of the server that was gone. Latency is drawn per request, so that both runs have the same work;
the machine must be idle enough for the engines, not the CPUs, to set the pace.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeseq_ray.records import Outcome
from codeseq_ray.store.ledger import read_ledger
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from tests.model_server.process import ROOT, served

SERVERS = 2
BAD = {"busy": 0.10, "error": 0.05, "dropped": 0.02, "broken": 0.02}
AIM = 0.75


@dataclass(frozen=True)
class Measured:
    """One run of the main job, and what the servers saw of it."""

    outcomes: dict[str, tuple[str, str, str]]
    """A-number → (outcome, stage, reason)."""
    exit_code: int
    wall_seconds: float
    stats: dict[str, Any]
    came: int
    """Chat requests of the run; a preflight's are not among them."""
    answered: int
    span: float
    """Seconds from the first of them to the end of the last."""
    slot_seconds_there: float

    @property
    def throughput(self) -> float:
        """Answers per slot-second that was there."""
        return self.answered / self.slot_seconds_there

    def count(self, outcome: Outcome) -> int:
        return sum(1 for kind, _, _ in self.outcomes.values() if kind == outcome.value)


def run(arguments: argparse.Namespace, folder: Path, *, down_after: int | None) -> Measured:
    """Fair weather, or bad with a server that goes down after so many answers."""
    latency = ("--latency", "lognormal", "--median", str(arguments.median), "--sigma", "0.8")
    flags = ["--replicas", str(SERVERS), "--slots", str(arguments.slots), "--context", "32768", *latency]
    if down_after is not None:
        flags += [f"--{name}={share}" for name, share in BAD.items()]
        flags += ["--down-replica=1", f"--down-for={arguments.down_for}", f"--down-after={down_after}"]
    with served(folder / "requests.jsonl", *flags) as servers:
        job = [sys.executable, str(ROOT / "jobs" / "synthesize.py"), *servers.flags]
        job += ["--output", str(folder / "runs"), "--run-id", "run"]
        job += ["--input", str(arguments.input)] if arguments.input else []
        job += ["--limit", str(arguments.limit)] if arguments.limit else []
        begun = time.monotonic()
        ended = subprocess.run(
            [*job, *arguments.more],
            env={**os.environ, "RAY_AUTH_MODE": "disabled"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        wall = time.monotonic() - begun
        stats, entries = servers.stats(), servers.logged()
    print(ended.stdout[-1500:] if ended.returncode else f"  {wall:.0f} s", flush=True)
    ledger = read_ledger(RunStore(open_store(str(folder / "runs")), "run"))
    span = max(entry["ended"] for entry in entries) - min(entry["begun"] for entry in entries)
    gone = arguments.down_for if down_after is not None else 0.0
    return Measured(
        outcomes={row.sequence_id: (row.outcome.value, row.stage.value, row.reason) for row in ledger},
        exit_code=ended.returncode,
        wall_seconds=wall,
        stats=stats,
        came=len(entries),
        answered=sum(entry["end"] == "answered" for entry in entries),
        span=span,
        slot_seconds_there=arguments.slots * (SERVERS * span - gone),
    )


def compared(arguments: argparse.Namespace) -> list[tuple[Measured, Measured]]:
    """(fair, bad) pairs, one after the other: the machine's own weather changes too."""
    pairs = []
    for number in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            print(f"pair {number + 1} of {arguments.repeats}: fair", flush=True)
            fair = run(arguments, Path(first), down_after=None)
            print("bad", flush=True)
            pairs.append((fair, run(arguments, Path(second), down_after=fair.answered // 2)))
    return pairs


def report(arguments: argparse.Namespace, pairs: list[tuple[Measured, Measured]]) -> str:
    ratios = [bad.throughput / fair.throughput for fair, bad in pairs]
    ratio = statistics.median(ratios)
    differing = [
        number
        for fair, bad in pairs
        for number in sorted({*fair.outcomes, *bad.outcomes})
        if fair.outcomes.get(number) != bad.outcomes.get(number)
    ]
    lost = sum(len(set(fair.outcomes) - set(bad.outcomes)) for fair, bad in pairs)
    failed = sum(bad.count(Outcome.FAILED) for _, bad in pairs)
    # The pair of the median ratio (the lower one of two) is the one shown in full.
    fair, bad = sorted(pairs, key=lambda pair: pair[1].throughput / pair[0].throughput)[(len(pairs) - 1) // 2]
    rows: list[tuple[str, object, object]] = [
        ("sequences with an outcome", len(fair.outcomes), len(bad.outcomes)),
        *((outcome.value, fair.count(outcome), bad.count(outcome)) for outcome in Outcome),
        ("exit status", fair.exit_code, bad.exit_code),
        ("requests that came", fair.came, bad.came),
        ("answered", fair.answered, bad.answered),
        *(
            (f"met: {name}", fair.stats["ends"].get(name, 0), bad.stats["ends"].get(name, 0))
            for name in (*BAD, "left")
        ),
        ("first request to last answer, s", round(fair.span, 1), round(bad.span, 1)),
        ("slot-seconds there", round(fair.slot_seconds_there), round(bad.slot_seconds_there)),
        ("of them at work", round(fair.stats["slot_seconds"]), round(bad.stats["slot_seconds"])),
        ("answers per slot-second there", round(fair.throughput, 3), round(bad.throughput, 3)),
        ("wall of the job, s", round(fair.wall_seconds, 1), round(bad.wall_seconds, 1)),
    ]
    table = "\n".join(f"| {name} | {one} | {other} |" for name, one, other in rows)
    met = "met" if ratio >= AIM else "**not met**"
    return f"""# Bad weather

`python -m benchmarks.bad_weather`: the main job with models behind two servers of {arguments.slots} slots each
(stand-ins that work and err as models do; latency lognormal, median {arguments.median} s, σ 0.8, drawn by the
request), on the same sequences in fair and in bad weather: 10 % 429, 5 % 500, 2 % dropped connections, 2 % broken
JSON bodies, and one of the two servers gone for {arguments.down_for:g} s once half of the requests were answered.

{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}. Load average of
the last five minutes at the end: {os.getloadavg()[1]:.1f}.

- Sequences lost: {lost}. Failed: {failed}. Another outcome than in fair weather: {len(differing)}.
- Throughput against fair weather, per slot-second that was there: {ratio:.2f} (pairs: \
{", ".join(f"{r:.2f}" for r in ratios)}). Aim: at least {AIM}; {met}.

| | fair | bad |
|---|---|---|
{table}

"left": the client went away before the answer, or the connection went with the server. What an answer that was cut
or dropped at its end had cost is part of the slot-seconds at work.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--input", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--slots", type=int, default=8, help="of each of the two servers")
    parser.add_argument("--median", type=float, default=1.0, help="latency, seconds")
    parser.add_argument("--down-for", type=float, default=30.0, help="seconds")
    parser.add_argument("--result", type=Path)
    parser.add_argument("more", nargs="*", help="further flags of the job, after --")
    arguments = parser.parse_args()
    pairs = compared(arguments)
    text = report(arguments, pairs)
    print(text)
    if arguments.result:
        arguments.result.write_text(text, encoding="utf-8")
    return 0 if all(fair.outcomes == bad.outcomes and not bad.exit_code for fair, bad in pairs) else 1


if __name__ == "__main__":
    sys.exit(main())
