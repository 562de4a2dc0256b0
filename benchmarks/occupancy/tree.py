"""CPU and memory of a contestant's whole process tree, read from /proc (Linux)."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_ROLES = (
    ("gcs_server", "gcs"),
    ("raylet/raylet", "raylet"),
    ("LoopActor", "loop actor"),
    ("MapWorker", "loop actor"),
    ("LedgerIndex", "ledger index"),
    ("dashboard/agent", "ray agents"),
    ("runtime_env/agent", "ray agents"),
    ("log_monitor", "ray agents"),
)


@dataclass(frozen=True)
class Used:
    """CPU seconds used so far by each process of the tree, its reaped children included."""

    by_process: dict[tuple[int, str], float]

    def since(self, earlier: Used) -> dict[str, float]:
        """CPU seconds used between `earlier` and this, by role."""
        roles: dict[str, float] = defaultdict(float)
        for (pid, role), seconds in self.by_process.items():
            before = max((s for (p, _), s in earlier.by_process.items() if p == pid), default=0.0)
            roles[role] += seconds - before
        return dict(roles)


def used(root: int) -> Used:
    """The tree under `root`, `root` itself included, as it stands now."""
    found: dict[tuple[int, str], float] = {}
    for pid in _tree(root):
        try:
            found[pid, _role(pid, root)] = _cpu_seconds(pid)
        except OSError:
            continue  # it ended meanwhile; its parent has its time once it is reaped
    return Used(found)


@dataclass
class PeakMemory:
    """Watches a tree from a thread: the most that its processes held together at one look (PSS, MiB)."""

    root: int
    every: float = 2.0
    mib: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(self.every):
            self.mib = max(self.mib, sum(map(_pss_mib, _tree(self.root))))

    def stop(self) -> float:
        self._stop.set()
        self._thread.join()
        return self.mib


def _cpu_seconds(pid: int) -> float:
    # The process's own clock is exact; what its reaped children used is known in ticks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime((~pid << 3) | 2) + (int(fields[13]) + int(fields[14])) / _TICK


def _tree(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def _role(pid: int, root: int) -> str:
    if pid == root:
        return "driver"
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if known := next((role for mark, role in _ROLES if mark in words), None):
        return known
    # Ray's workers say what they do: `ray::Monitor.tell`, `ray::IDLE`.
    return re.split(r"[.(\s]", words)[0] if words.startswith("ray::") else "other"


def _pss_mib(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0
