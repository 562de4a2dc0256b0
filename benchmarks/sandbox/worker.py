"""One way in a process of its own: takes requests on stdin, a JSON object a line, and answers each with one.

{"set": "mix", "inputs": 8, "passes": 3} → {"programs": 60, "cpu": 1.2, "wall": 1.3}
{"latencies": 200}                       → {"latencies": [0.004, …]}
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks.sandbox.cpu import tree_seconds
from benchmarks.sandbox.programs import INPUTS, MIX, TRIVIAL, Small
from benchmarks.sandbox.ways import LackingError, Way, open_way

SETS = {"trivial": TRIVIAL, "mix": MIX}
_SINGLE = INPUTS.index(10)
"""The one of the inputs that single-input runs use."""


def checked(way: Way, small: Small, *, single: bool) -> None:
    """Run it and compare: a wrong answer is no measurement."""
    part = slice(_SINGLE, _SINGLE + 1) if single else slice(None)
    inputs, outputs = list(INPUTS)[part], list(small.outputs)[part]
    printed = way.run(small.source, [f"{n}\n" for n in inputs])
    if [text.strip() for text in printed] != [str(n) for n in outputs]:
        raise RuntimeError(f"{small.name}: printed {printed}, not {outputs}")


def batch(way: Way, request: dict[str, Any]) -> dict[str, Any]:
    programs = SETS[request["set"]] * request["passes"]
    used, own, began = tree_seconds(), time.process_time(), time.perf_counter()
    for small in programs:
        checked(way, small, single=request["inputs"] == 1)
    wall, own = time.perf_counter() - began, time.process_time() - own
    return {"programs": len(programs), "cpu": tree_seconds() - used, "own": own, "wall": wall}


def latencies(way: Way, count: int) -> dict[str, Any]:
    found = []
    for at in range(count):
        began = time.perf_counter()
        checked(way, MIX[at % len(MIX)], single=True)
        found.append(time.perf_counter() - began)
    return {"latencies": found}


def main() -> None:
    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), flush=True)

    try:
        way = open_way(sys.argv[1])
    except LackingError as error:
        say({"lacking": str(error)})
        return
    try:
        for small in (*TRIVIAL, *MIX):
            checked(way, small, single=False)
        say({"ready": True})
        for line in sys.stdin:
            request = json.loads(line)
            say(latencies(way, request["latencies"]) if "latencies" in request else batch(way, request))
    finally:
        way.close()


if __name__ == "__main__":
    main()
