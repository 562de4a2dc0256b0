"""What an attack is: a program, the walls that stop it, and how it must end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from codeseq_ray.ports import Limits, Run
from codeseq_ray.records import VerdictKind as V


class Wall(StrEnum):
    """What stands between a program and what it wants."""

    # Of the kernel, round the child. `taken_down` knows how to leave each out.
    LANDLOCK = "Landlock"
    SECCOMP = "seccomp"
    NOBODY = "nobody"
    NO_NEW_PRIVS = "no_new_privs"
    NOT_DUMPABLE = "not dumpable"
    ADDRESS_SPACE = "rlimit memory"
    CPU = "rlimit CPU"
    FILE_SIZE = "rlimit file size"
    DESCRIPTORS = "rlimit descriptors"
    LOCKED_MEMORY = "rlimit locked memory"
    CLOSED = "closed descriptors"
    ENVIRONMENT = "scrubbed environment"
    FRESH = "fresh interpreter"
    """The zygote is started by exec: nothing of the worker is in its memory."""
    # Of the trusted side.
    CPU_CLOCK = "CPU clock"
    SLEEPERS = "look at sleepers"
    OUTPUT_CAP = "output cap"
    STDERR_TAIL = "stderr tail"
    TWO_BYTES = "two-byte frames"
    OWN_PROCESS = "own process per program"
    OWN_INPUT = "own process per input"
    # Of the judge. Their controls are naive judges (`naive`).
    COMPARED_OUTSIDE = "trusted comparison"
    BYTES_ONLY = "bytes, never unpickled"
    OUTPUT_ONLY = "output counts, not status"
    EXACT = "exact comparison"


class Won(StrEnum):
    """How a control shows that the attack worked."""

    BROKE_IN = "it says so"
    RAN_ON = "only the wall-clock backstop ended it"
    PRINTED_MORE = "more arrived than the limits allow"
    LET_BE = "it was not called a violation"


@dataclass(frozen=True)
class Ends:
    """How an attack must end: one of these kinds, and these words (a regular expression) in what it said."""

    kinds: frozenset[V]
    says: str = ""

    def trouble(self, runs: Iterable[Run]) -> str:
        """What is not as it must be, "" if nothing. The last run counts: it is the one that ended the child."""
        *_, last = runs
        if last.kind not in self.kinds:
            return f"ended as {last.kind}, not as {' or '.join(sorted(self.kinds))}"
        if not re.search(self.says, last.stdout + "\n" + last.stderr_tail):
            return f"it did not say {self.says!r}"
        return ""


def ends(*kinds: V, says: str = "") -> Ends:
    return Ends(frozenset(kinds), says)


KILLED = ends(V.SECURITY_VIOLATION, says="forbidden system call")
NO_RIGHT = ends(V.RUNTIME_ERROR, says="PermissionError")
DENIED = ends(V.PASSED, V.RUNTIME_ERROR, says="denied: ")
"""`call` of RAW prints it with the reason."""
NOTHING = ends(V.PASSED, says="nothing")
"""The program looked for something and says that it found nothing."""
OUT_OF_TIME = ends(V.TIME_LIMIT)
ASLEEP = ends(V.TIME_LIMIT, says="waits for what never comes")
OUT_OF_MEMORY = ends(V.MEMORY_LIMIT)
TOO_MUCH = ends(V.OUTPUT_LIMIT)
FORGED = ends(V.SECURITY_VIOLATION, says="wrote to its supervisor")
FAILED = ends(V.RUNTIME_ERROR)
UNMOVED = ends(V.PASSED)
"""It may end well: what it must not do is break in."""


@dataclass(frozen=True)
class Backstop(Limits):
    """Limits whose wall clock can be chosen, so that what nothing else ends is seen to run on."""

    wall: float = 10.0

    @property
    def wall_seconds(self) -> float:
        return self.wall


QUICK = Limits(cpu_seconds=0.15, memory_mb=256, output_bytes=10_000)
LIMITS = Limits(cpu_seconds=1.0, memory_mb=256, output_bytes=10_000)

REACHED = "REACHED"
BROKE_IN = "BROKE IN"
FOLDER, VICTIM, PORT, ABSTRACT = "@FOLDER@", "@VICTIM@", "@PORT@", "@ABSTRACT@"
SECRET = "hush" + "-" + "hush"
"""What the worker knows and no program may learn: stands for credentials and for expected outputs."""


@dataclass(frozen=True)
class Attack:
    """One attempt. `walls`: each of them stops it; without all of them it works."""

    name: str
    source: str
    walls: tuple[Wall, ...]
    ends: Ends
    won: Won = Won.BROKE_IN
    no_control: str = ""
    """Why the attack is not tried without its walls."""
    needs: str = ""
    """What the control needs of the machine (`inside.LACKING`)."""
    not_alone: tuple[Wall, ...] = ()
    """Walls that stop it only on some machines, or late: named, but not shown to stop it alone."""
    inputs: tuple[str, ...] = ("",)
    limits: Limits = LIMITS
    after: str = ""
    """The next program: the attack is on it, and it says BROKE IN where it was hit."""
    entry: str | None = None
    """The function that the judge asks for, where it asks for one."""
    naive: str = ""
    """The naive judge that the attack deceives (`naive`); then no BROKE IN, but the judge's verdict decides."""
    area: str = field(default="", compare=False)

    def program(self) -> str:
        """The source as it runs: it first says that it was reached."""
        if self.naive:
            return self.source
        tail = ""
        if self._ends_in_success():
            tail = f"\nprint({BROKE_IN!r})"
        return f"print({REACHED!r}, flush=True)\n" + self.source + tail

    def _ends_in_success(self) -> bool:
        """Whether to come to its end is to have won."""
        return not (
            BROKE_IN in self.source
            or self.after
            or self.won is not Won.BROKE_IN
            or V.PASSED in self.ends.kinds
            or (self.no_control and self.ends not in (KILLED, NO_RIGHT))
        )


RAW = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def raw(number, *arguments):
    arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return libc.syscall(ctypes.c_long(number), *arguments)
def call(number, *arguments):
    result = raw(number, *arguments)
    print(f"denied: {os.strerror(ctypes.get_errno())}" if result == -1 else "BROKE IN", flush=True)
    return result
buffer = ctypes.create_string_buffer(4096)
parent = os.getppid()
"""
UPPER = "(0x5eed << 32)"
"""Rubbish above the 32 bits that the kernel reads of an int."""
