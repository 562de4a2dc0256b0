"""The main job on a cluster that grows from nothing and shrinks again, beside one of fixed size.

    python -m benchmarks.autoscaling [--limit 600] [--idle-seconds 12] [--result FILE.json]

Needs root (namespaces) and CODESEQ_TEST_DATA. The built-in agents work on OEIS sequences; workers are raylets on this
machine. Every second is noted how many nodes of each kind there are and how much work is waiting, by the run's own
metrics. Both clusters work on the same sequences, and must publish the same release.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import ray

from benchmarks.autoscaling import growing

_GAUGE = re.compile(r"^ray_codeseq_(open|backlog)\{([^}]*)\}\s+(\S+)", re.MULTILINE)


@dataclass
class Second:
    """How it stood at one moment."""

    at: float
    nodes: dict[str, int]
    open: int = 0
    backlog: int = 0
    """Fits and programs without a result."""


@dataclass
class Series:
    wall_seconds: float = 0.0
    exit_code: int = 0
    outcome_digest: str = ""
    seconds: list[Second] = field(default_factory=list)


def watch(series: Series, done: threading.Event) -> None:
    begun = time.monotonic()
    while not done.wait(1.0):
        nodes: Counter[str] = Counter()
        open_, backlog = 0.0, 0.0
        for node in ray.nodes():
            if not node["Alive"]:
                continue
            resources = node["Resources"]
            kind = "loops" if "loops" in resources else "sandboxes" if resources.get("CPU") else "head"
            nodes[kind] += 1
            for name, _, value in _GAUGE.findall(_scraped(node)):
                open_ += float(value) if name == "open" else 0
                backlog += float(value) if name == "backlog" else 0
        series.seconds.append(
            Second(round(time.monotonic() - begun, 1), dict(nodes), int(open_), int(backlog))
        )


def _scraped(node: dict[str, Any]) -> str:
    with suppress(OSError):
        url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    return ""


def run(folder: Path, *, fixed: bool, limit: int, idle_seconds: float, data: Path) -> Series:
    series = Series()
    with growing.cluster(folder / "cluster", idle_seconds=idle_seconds, fixed=fixed) as address:
        ray.init(address, log_to_driver=False, logging_level="ERROR")
        if fixed:
            wanted = 1 + sum(kind["max_workers"] for kind in growing.KINDS.values())
            while sum(node["Alive"] for node in ray.nodes()) < wanted:
                time.sleep(0.5)
        done = threading.Event()
        watcher = threading.Thread(target=watch, args=(series, done), daemon=True)
        watcher.start()
        begun = time.monotonic()
        job = [
            sys.executable,
            "jobs/synthesize.py",
            "--input",
            str(data),
            "--limit",
            str(limit),
            "--run-id",
            "r",
        ]
        places = ["--output", str(folder / "runs"), "--output-is-shared", "--loop-resource", "loops"]
        size = ["--cluster-cpus", "4", "--log-seconds", "5"]
        ended = subprocess.run(
            [*job, *places, *size], env={**os.environ, "RAY_ADDRESS": address}, capture_output=True, text=True
        )
        series.wall_seconds, series.exit_code = round(time.monotonic() - begun, 1), ended.returncode
        (folder / "job.log").write_text(ended.stdout + ended.stderr)
        if ended.returncode:
            print(ended.stdout[-2000:], ended.stderr[-4000:])
        if not fixed:  # until the idle workers have left
            until = time.monotonic() + 60
            while time.monotonic() < until and sum(node["Alive"] for node in ray.nodes()) > 1:
                time.sleep(1)
        done.set()
        watcher.join()
        ray.shutdown()
    if not series.exit_code:
        told = json.loads((folder / "runs/r/releases/0001/manifest.json").read_text())
        series.outcome_digest = told["outcome_digest"]
    return series


def steps(series: dict[str, Any]) -> list[str]:
    """Each change of the cluster's size, with what waited then."""
    lines, before = [], None
    for second in series["seconds"]:
        now = (second["nodes"].get("loops", 0), second["nodes"].get("sandboxes", 0))
        if now != before:
            waiting = f"{second['open']} | {second['backlog']}"
            lines.append(f"| {second['at']:.0f} s | {now[0]} | {now[1]} | {waiting} |")
        before = now
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--idle-seconds", type=float, default=12)
    parser.add_argument("--result", type=Path)
    parser.add_argument("--one", choices=["growing", "fixed"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    data = Path(os.environ["CODESEQ_TEST_DATA"])
    os.environ["RAY_AUTH_MODE"] = "disabled"
    if options.one:
        series = run(
            options.folder,
            fixed=options.one == "fixed",
            limit=options.limit,
            idle_seconds=options.idle_seconds,
            data=data,
        )
        (options.folder / "series.json").write_text(json.dumps(asdict(series)))
        return
    both: dict[str, dict[str, Any]] = {}
    for kind in ("growing", "fixed"):
        with tempfile.TemporaryDirectory(prefix="as", dir="/tmp", ignore_cleanup_errors=True) as name:
            told = ["--limit", str(options.limit), "--idle-seconds", str(options.idle_seconds)]
            growing.in_namespaces(["-m", "benchmarks.autoscaling", "--one", kind, "--folder", name, *told])
            both[kind] = json.loads(Path(name, "series.json").read_text())
    print("| after | loops | sandboxes | open sequences | fits and programs waiting |")
    print("|---:|---:|---:|---:|---:|")
    print("\n".join(steps(both["growing"])))
    for kind, one in both.items():
        digest = one["outcome_digest"][:12]
        print(f"{kind}: {one['wall_seconds']} s, exit {one['exit_code']}, outcomes {digest}")
    if options.result:
        options.result.write_text(json.dumps(both, indent=1))


if __name__ == "__main__":
    main()
