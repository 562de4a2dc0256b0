"""How full is a server of 64 slots kept, and what does that cost its client? All contestants in one run.

    python -m benchmarks.occupancy --records 2000 --slots 64 --rounds 3 --cache FOLDER [--only NAME …]
                                   [--result FILE.json]

Contestants run one after the other, each against a server of its own, in an order that turns from round to round.
Peers run in environments of their own, built under --cache at the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.occupancy import report
from benchmarks.occupancy.account import busy
from benchmarks.occupancy.contestants import OPEN_PER_SLOT
from benchmarks.occupancy.race import CONTESTANTS, FailedError, Result, run
from benchmarks.occupancy.workload import Workload, without_overhead

ALL = [name for name in CONTESTANTS if name != "ours-loop"]


def reckoned(work: Workload, records: list[int], slots: int) -> dict[str, dict[str, float]]:
    """What no client can pass: the same calls where nothing but the server's latency takes time."""
    rows = {}
    single = Workload(chance=0.0, seed=work.seed)
    open_records, count = OPEN_PER_SLOT * slots, len(work.calls(records))
    for words, drawn, listed, opened in (
        (f"no overhead, {open_records} records open", work, records, open_records),
        ("no overhead, all records open", work, records, len(records)),
        ("no overhead, single-turn", single, list(range(1, count + 1)), open_records),
    ):
        calls = without_overhead(drawn, listed, slots, opened)
        spans = [(start, end) for _, start, end in calls]
        span = max(end for _, end in spans)
        rows[words] = {
            "span": span,
            "fed": busy(spans, slots, max(start for start, _ in spans)),
            "fed_while_new": busy(spans, slots, max(start for round_, start, _ in calls if round_ == 1)),
            "whole": busy(spans, slots, span),
        }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=Workload.seed)
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), default=ALL, metavar="NAME")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "codeseq-occupancy")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that a contestant may take")
    parser.add_argument("--result", type=Path)
    given = parser.parse_args()

    records, work = list(range(1, given.records + 1)), Workload(seed=given.seed)
    setting: dict[str, Any] = {
        "records": len(records),
        "calls": len(work.calls(records)),
        "slots": given.slots,
        "rounds": given.rounds,
        "seed": given.seed,
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
    }
    found: dict[str, list[Result]] = defaultdict(list)
    failed: dict[str, str] = {}
    for round_ in range(given.rounds):
        at = round_ % len(given.only)
        for name in (*given.only[at:], *given.only[:at]):
            if name in failed:
                continue
            try:
                result = run(
                    CONTESTANTS[name], records, given.slots, given.seed, given.cache, limit=given.limit
                )
            except FailedError as error:
                failed[name] = str(error)
                print(f"round {round_ + 1}: {name}: {error}", file=sys.stderr)
                continue
            found[name].append(result)
            figures = result.figures
            print(
                f"round {round_ + 1}: {name}: span {figures['span']:.1f} s, fed {figures['fed']:.3f}, CPU "
                f"{figures['cpu_ms']:.2f} ms per call{'; ' + '; '.join(result.faults) if result.faults else ''}",
                file=sys.stderr,
            )
    rows = report.summary({name: found[name] for name in given.only if found[name]})
    outcome: dict[str, Any] = {
        "setting": setting,
        "reckoned": reckoned(work, records, given.slots),
        "contestants": rows,
        "aims": report.aims(rows),
        "failed": failed,
        "rounds": {name: [asdict(result) for result in results] for name, results in found.items()},
    }
    print(report.section(outcome))
    if given.result:
        given.result.write_text(json.dumps(outcome, indent=1) + "\n")


if __name__ == "__main__":
    main()
