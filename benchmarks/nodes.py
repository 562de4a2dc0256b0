"""The main job on three nodes, of which one is drained and one killed on the way, beside an undisturbed run.

    python -m benchmarks.nodes [--limit 1500] [--result FILE.md]

Needs root (namespaces of its own) and CODESEQ_TEST_DATA. A head without CPUs and three raylets with a CPU each share
this machine. Noted are each node's share of the sandbox's work (CPU of the processes below its raylet but for loop
actors) and what was published: both runs must publish the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray

from benchmarks.autoscaling.growing import ADDRESS, in_namespaces

NODES = 3
DRAINED_AFTER, KILLED_AFTER = 0.25, 0.5
"""Of the sequences, when the first and the second node go."""
_TICK = os.sysconf("SC_CLK_TCK")


def below(pid: int) -> dict[int, tuple[str, float]]:
    """Descendants of a process: name and CPU seconds."""
    parents: dict[int, tuple[int, str, float]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError, ValueError):
                stat = Path("/proc", entry, "stat").read_text()
                name = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode()
                fields = stat[stat.rindex(")") + 2 :].split()
                parents[int(entry)] = (int(fields[1]), name, (int(fields[11]) + int(fields[12])) / _TICK)
    found: dict[int, tuple[str, float]] = {}
    reached = {pid}
    while reached:
        reached = {child for child, (parent, _, _) in parents.items() if parent in reached} - set(found)
        found |= {child: parents[child][1:] for child in reached}
    return found


class Shares(threading.Thread):
    """CPU seconds of the sandbox's work below each raylet; a process counts as it was last seen."""

    def __init__(self, raylets: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self._raylets, self._seen = raylets, dict[str, dict[int, float]]()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.5):
            for node, pid in self._raylets.items():
                seen = self._seen.setdefault(node, {})
                for child, (name, seconds) in below(pid).items():
                    if "LoopActor" not in name and ("ray::" in name or "zygote" in name or "-c" in name):
                        seen[child] = seconds

    @property
    def seconds(self) -> dict[str, float]:
        return {node: round(sum(seen.values()), 1) for node, seen in self._seen.items()}


def started(folder: Path) -> dict[str, int]:
    """Node id → pid of its raylet, the workers' only."""
    binary = str(Path(sys.executable).with_name("ray"))
    quiet: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    head = ["start", "--head", "--num-cpus=0", f"--temp-dir={folder}/ray", "--disable-usage-stats"]
    subprocess.run([binary, *head], **quiet)
    for _ in range(NODES):
        subprocess.run(
            [binary, "start", f"--address={ADDRESS}", "--num-cpus=1", "--memory=3000000000"], **quiet
        )
    ray.init(ADDRESS, log_to_driver=False, logging_level="ERROR")
    workers = {node["NodeID"] for node in ray.nodes() if node["Resources"].get("CPU")}
    raylets = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError):
                command = Path("/proc", entry, "cmdline").read_bytes().decode().split("\0")
                if command[0].endswith("/raylet"):
                    raylets |= {node: int(entry) for node in workers if any(node in word for word in command)}
    assert len(raylets) == NODES, (workers, raylets)
    return raylets


def done_so_far(runs: Path) -> int:
    import pyarrow.parquet as pq

    count = 0
    for segment in (runs / "r/ledger").glob("*.parquet"):
        with suppress(OSError):
            count += pq.read_metadata(segment).num_rows
    return count


def one(folder: Path, limit: int, *, disturbed: bool) -> dict[str, Any]:
    raylets = started(folder)
    shares = Shares(raylets)
    shares.start()
    runs = folder / "runs"
    job = [sys.executable, "jobs/synthesize.py", "--input", os.environ["CODESEQ_TEST_DATA"]]
    flags = ["--limit", str(limit), "--run-id", "r", "--output", str(runs), "--output-is-shared"]
    begun = time.monotonic()
    process = subprocess.Popen(
        [*job, *flags],
        env={**os.environ, "RAY_ADDRESS": ADDRESS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    events = []
    nodes = list(raylets)
    for event, share in (("drained", DRAINED_AFTER), ("killed", KILLED_AFTER)) if disturbed else ():
        while process.poll() is None and done_so_far(runs) < share * limit:
            time.sleep(0.5)
        node = nodes.pop()
        events.append(
            {"event": event, "after": round(time.monotonic() - begun, 1), "done": done_so_far(runs)}
        )
        if event == "killed":
            os.kill(raylets[node], signal.SIGKILL)
        else:
            binary = str(Path(sys.executable).with_name("ray"))
            why = [
                "--reason=DRAIN_NODE_REASON_PREEMPTION",
                "--reason-message=spot",
                "--deadline-remaining-seconds=20",
            ]
            subprocess.run(
                [binary, "drain-node", f"--address={ADDRESS}", f"--node-id={node}", *why], check=True
            )
    output, _ = process.communicate()
    wall = round(time.monotonic() - begun, 1)
    shares.ended.set()
    shares.join()
    if process.returncode:
        print(output[-4000:])
    told = json.loads((runs / "r/releases/0001/manifest.json").read_text())
    files = {name: file["sha256"] for name, file in told["files"].items()}
    alive = sum(node["Alive"] and bool(node["Resources"].get("CPU")) for node in ray.nodes())
    return {
        "wall": wall,
        "exit": process.returncode,
        "events": events,
        "shares": list(shares.seconds.values()),
        "alive": alive,
        "outcomes": told["counts"]["accepted"] + told["counts"]["rejected"],
        "failed": told["counts"]["failed"],
        "files": files,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=1500)
    parser.add_argument("--result", type=Path)
    parser.add_argument("--one", choices=["undisturbed", "disturbed"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["RAY_AUTH_MODE"] = "disabled"
    if options.one:
        told = one(options.folder, options.limit, disturbed=options.one == "disturbed")
        (options.folder / "told.json").write_text(json.dumps(told))
        return
    both: dict[str, dict[str, Any]] = {}
    for kind in ("undisturbed", "disturbed"):
        with tempfile.TemporaryDirectory(prefix="nd", dir="/tmp", ignore_cleanup_errors=True) as name:
            in_namespaces(
                ["-m", "benchmarks.nodes", "--one", kind, "--folder", name, "--limit", str(options.limit)]
            )
            both[kind] = json.loads(Path(name, "told.json").read_text())
    lines = [
        "| | wall | exit | outcomes, failed | nodes at the end | CPU s of the sandbox by node | events |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for kind, told in both.items():
        events = "; ".join(f"{e['event']} after {e['after']} s, {e['done']} done" for e in told["events"])
        shares = ", ".join(map(str, told["shares"]))
        lines.append(
            f"| {kind} | {told['wall']} s | {told['exit']} | {told['outcomes']}, {told['failed']} | "
            f"{told['alive']} | {shares} | {events or '–'} |"
        )
    first, second = (told["files"] for told in both.values())
    same = sum(first.get(name) == digest for name, digest in second.items())
    lines += [
        "",
        f"Files of the release that are the same byte for byte: {same} of {len({*first, *second})}.",
    ]
    text = "\n".join(lines)
    print(text)
    if options.result:
        options.result.write_text(text + "\n")


if __name__ == "__main__":
    main()
