"""Kill runs at every crash point and hinder them by real faults: is anything lost, doubled, or paid for twice?

    python -m benchmarks.faults [--repeats 5] [--only NAME …] [--json FILE] [--result FILE.md]
    python -m benchmarks.faults soak --records N [--input FOLDER] [--every 20] [--hiccup 30]

Every result is written as it comes; what the JSON file has already is not done again. Exit status 1 when something
was lost or doubled, or more was paid for twice than nobody had kept.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import traceback
from pathlib import Path
from typing import Any

from benchmarks.faults import crashes, report, soak, strikes
from benchmarks.faults.ground import Ground, ground
from benchmarks.faults.trial import Trial, Work, undisturbed
from codeseq_ray.crashpoints import CrashPoint


def measure(arguments: argparse.Namespace) -> int:
    results = report.read(arguments.json)
    cases = [("crash", str(point)) for point in CrashPoint] + [("fault", name) for name in strikes.STRIKES]
    cases = [case for case in cases if not arguments.only or case[1] in arguments.only]
    have = {(row["what"], row["repeat"]) for row in results["rows"]}
    todo = [
        (kind, name, repeat)
        for repeat in range(arguments.repeats)
        for kind, name in cases
        if (name, repeat) not in have
    ]
    if not todo:
        report.write(arguments.json, arguments.result, results)
        return 0
    with ground(median=arguments.median, slots=arguments.slots) as on:
        work = Work(arguments.limit)
        reference = undisturbed(on, work, on.uri("undisturbed"))
        results["limit"], results["calls"] = arguments.limit, reference.calls
        print(f"undisturbed: {len(reference.rows)} sequences, {reference.calls} calls", flush=True)
        for kind, name, repeat in todo:
            words = "-".join(re.findall("[a-z0-9]+", name.lower()))
            uri = on.uri(f"{words}-{repeat}")
            trial = Trial(on, reference, work, name, repeat, uri)
            row = _one(on, trial, kind)
            if row is None or not row["struck"]:
                continue  # the run was over before: another time
            results["rows"].append({"kind": kind, **row})
            results["machine"] = report.machine()
            report.write(arguments.json, arguments.result, results)
    return 1 if any(row["struck"] and not row["right"] for row in results["rows"]) else 0


def _one(on: Ground, trial: Trial, kind: str) -> dict[str, Any] | None:
    try:
        if kind == "crash":
            measured = crashes.crash(trial, CrashPoint(trial.what))
        else:
            measured = strikes.STRIKES[trial.what](trial)
    except Exception:
        # One that could not be measured is told and left out; the others are worth having.
        print(f"{trial.what}, repeat {trial.repeat}: not measured\n{traceback.format_exc()}", flush=True)
        print("\n".join(trial.last_words()), flush=True)
        on.end_drivers()
        return None
    row = measured.as_json()
    print(json.dumps(row), flush=True)
    if not measured.right:
        print("NOT RIGHT\n" + "\n--\n".join(trial.last_words()), flush=True)
    return row


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="crash points and faults by name")
    parser.add_argument("--limit", type=int, default=48, help="sequences of a run")
    parser.add_argument("--median", type=float, default=0.05, help="latency of the models, seconds")
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--json", type=Path, default=report.JSON)
    parser.add_argument("--result", type=Path)
    parser.set_defaults(do=measure)
    soak.add_to(parser.add_subparsers(metavar="[soak]"))
    arguments = parser.parse_args()
    status: int = arguments.do(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())
