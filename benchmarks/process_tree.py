"""What a command and all its descendants used: CPU seconds and peak memory, read from /proc (Linux)."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Usage:
    """Of a whole process tree. Memory is the peak of single processes, by role, in MiB."""

    exit_code: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    machine_cpu_seconds: float = 0.0
    """What the whole machine was busy meanwhile: an upper bound that no process escapes."""
    peak_mib: dict[str, float] = field(default_factory=dict)
    cpu_by_role: dict[str, float] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    output: str = ""


def measure(command: list[str], environment: dict[str, str] | None = None) -> Usage:
    """Run a command to its end, looking at its tree twice a second."""
    usage = Usage()
    seen: dict[tuple[int, str], tuple[float, str]] = {}
    known: set[int] = set()
    busy = _busy()
    begun = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    known.add(process.pid)
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.5):
            _sample(process.pid, known, seen, usage)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    usage.output, _ = process.communicate()
    usage.wall_seconds = time.monotonic() - begun
    stop.set()
    watcher.join()
    usage.exit_code = process.returncode
    for seconds, role in seen.values():
        usage.cpu_seconds += seconds
        usage.cpu_by_role[role] = usage.cpu_by_role.get(role, 0.0) + seconds
        usage.processes[role] = usage.processes.get(role, 0) + 1
    usage.machine_cpu_seconds = _busy() - busy
    return usage


def _sample(root: int, known: set[int], seen: dict[tuple[int, str], tuple[float, str]], usage: Usage) -> None:
    parents: dict[int, int] = {}
    stats: dict[int, list[str]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            fields = text[text.rindex(")") + 2 :].split()
            parents[int(entry)], stats[int(entry)] = int(fields[1]), fields
    grown = True
    while grown:  # descendants of descendants
        new = {pid for pid, parent in parents.items() if parent in known} - known
        known |= new
        grown = bool(new)
    roles = {pid: _role(pid, root) for pid in known & stats.keys()}
    for pid, role in roles.items():
        fields = stats[pid]
        if role == "zygote" and roles.get(parents[pid]) == "zygote":
            continue  # a program: it lives for milliseconds, and its time is seen in the zygote that reaps it
        ticks = sum(map(int, fields[11:15] if role == "zygote" else fields[11:13]))
        # Workers change their titles: the last role that is not "other" stands.
        before, old = seen.get((pid, fields[19]), (0.0, role))
        seen[(pid, fields[19])] = (max(before, ticks / _TICK), old if role in ("other", "idle") else role)
        usage.peak_mib[role] = max(usage.peak_mib.get(role, 0.0), _peak(pid))


def _role(pid: int, root: int) -> str:
    if pid == root:
        return "driver"
    try:
        words = Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "other"
    for mark, role in (
        ("zygote", "zygote"),
        ("gcs_server", "gcs"),
        ("raylet", "raylet"),
        ("LoopActor", "loop actor"),
        ("MapWorker", "loop actor"),
        ("LedgerIndex", "ledger index"),
        ("ray::IDLE", "idle"),
        ("ray::", "task worker"),
    ):
        if mark in words.split("/site-packages/")[0] or words.startswith(mark):
            return role
    return "other"


def _peak(pid: int) -> float:
    try:
        for line in Path("/proc", str(pid), "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def _busy() -> float:
    fields = [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / _TICK
