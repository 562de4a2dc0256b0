"""Proof before service: a locked child tries what it must not be able to do.

The attempts are programs, run the way every program is run; nothing is believed of the walls but that these fail.
"""

from __future__ import annotations

from dataclasses import dataclass

from codeseq_ray.errors import SandboxUnavailableError
from codeseq_ray.ports import Execution, Limits, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.sandbox.warm import Zygote, ZygoteLostError, unavailable
from codeseq_ray.sandbox.watch import supervise

_LIMITS = Limits(cpu_seconds=5.0, memory_mb=256, output_bytes=1 << 16)
_DENIED = "denied"

_C = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
"""


@dataclass(frozen=True)
class Attempt:
    """A program that does one forbidden thing. Held: it is killed for it, or prints that it was denied."""

    what: str
    source: str
    denied: bool = False
    """True: an error number is the answer to expect, not a kill."""

    def held(self, run: Run) -> bool:
        if self.denied:
            return run.kind is VerdictKind.PASSED and run.stdout.strip() == _DENIED
        return run.kind is VerdictKind.SECURITY_VIOLATION


ATTEMPTS = (
    Attempt("open a file for writing", "open('/tmp/codeseq-canary', 'w')"),
    Attempt("open a socket", "import _socket; _socket.socket()"),
    Attempt("fork", "import os; os.fork()"),
    Attempt("execute a program", "import os; os.execv('/bin/true', ['true'])"),
    Attempt("kill its parent", "import os; os.kill(os.getppid(), 0)"),
    Attempt("make a file in memory", "import os; os.memfd_create('x')"),
    Attempt("get executable memory", _C + "libc.mmap(None, 4096, 7, 34, -1, 0)"),
    Attempt("read its parent's limits", "import os, resource; resource.prlimit(os.getppid(), 7)"),
    Attempt(
        "read a file and look at one outside",
        _C
        + """
def closed(attempt):
    try:
        attempt()
    except PermissionError:
        return True
import os
buffer = ctypes.create_string_buffer(256)
# The flag (AT_EMPTY_PATH) is what lets an fstat through filters that look at flags only.
quiet = libc.syscall(262, -100, b'/', buffer, 0x1000) != 0
print('denied' if quiet and closed(lambda: open('/etc/passwd')) and closed(lambda: os.stat('/')) else 'open')
""",
        denied=True,
    ),
)


def prove(zygote: Zygote) -> None:
    """Raises SandboxUnavailableError, naming what got through; ZygoteLostError if the zygote died on the way."""
    let_through = []
    for attempt in ATTEMPTS:
        runs: list[Run] = []
        supervise(zygote, Execution(attempt.source, ("",), _LIMITS), [""], runs)
        if runs[0].kind is VerdictKind.INFRASTRUCTURE:
            raise ZygoteLostError(f"the walls could not be tried out: {runs[0].stderr_tail.strip()}")
        if not attempt.held(runs[0]):
            let_through.append(f"{attempt.what} ({runs[0].kind}{': ' + runs[0].stderr_tail[-200:]})")
    if let_through:
        raise SandboxUnavailableError(
            unavailable([f"walls that hold: a locked test program could {', '.join(let_through)}"])
        )
