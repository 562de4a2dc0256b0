"""CPU seconds that this process and all its descendants have used, those alive and those gone."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def tree_seconds() -> float:
    """A difference of two of these is what lay between. Exact but for the children of living children.

    What those have reaped is known in ticks of the kernel's statistics (10 ms); as it adds up without being rounded,
    the error of a whole measurement is two ticks, however many processes there were.
    """
    while True:
        try:
            return _tree_seconds()
        except OSError:
            pass  # a descendant ended while it was looked at, and is counted elsewhere now: look again


def _tree_seconds() -> float:
    used = _of(resource.getrusage(resource.RUSAGE_SELF)) + _of(resource.getrusage(resource.RUSAGE_CHILDREN))
    waiting = _children(os.getpid())
    while waiting:
        pid = waiting.pop()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += time.clock_gettime((~pid << 3) | 2) + (int(fields[13]) + int(fields[14])) / _TICK
        waiting += _children(pid)
    return used


def _of(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
