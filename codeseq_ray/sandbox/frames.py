"""What the trusted process, the zygote and its children say to each other. Standard library only.

Trusted process and zygote share a SEQPACKET socket (`control`): one message, one packet.

    trusted → zygote   SPAWN with two numbers and, as ancillary data, the child's four descriptors; or REAP
    zygote → trusted   once at start a JSON object; then a pid for each SPAWN, a wait status for each REAP

Trusted process and child share a stream socket (`talk`), two pipes (stdout, stderr) and a file in memory, stdin,
which the trusted process fills anew for each input:

    child → trusted    READY, as soon as the walls stand
    trusted → child    the job (`pack_job`)
    trusted → child    GO, once per input, when stdin holds it
    child → trusted    DONE and a status, once per input

Two bytes are all that the trusted side ever reads of a child's own account. Outputs are plain bytes on a pipe.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

SPAWN = struct.Struct("<cQQ")
"""b"S", bytes of memory beyond what the zygote holds, seconds of CPU for all inputs."""
REAP = b"R"
PID, STATUS = b"P", b"W"
NUMBER = struct.Struct("<ci")
"""Which of the two, and the number: an answer to another question is not taken for this one's."""
MOST_GREETING = 4096
"""Bytes of the zygote's first message, at most."""

READY = b"+"
GO = b">"
DONE = b"="
ENDED, RAISED, OUT_OF_MEMORY = 0, 1, 2
"""Statuses after DONE: exit status 0, any other way to end, a MemoryError that nobody caught."""

_HEAD = struct.Struct("<QII")
"""Bytes of the source, bytes of the entry's name, recursion limit."""


class Job(NamedTuple):
    """What a child is to run: the program, the function to call ("" for stdin → stdout), the recursion limit."""

    source: bytes
    entry: bytes
    recursion: int


def pack_job(job: Job) -> bytes:
    return _HEAD.pack(len(job.source), len(job.entry), job.recursion) + job.entry + job.source


def unpack_job(read: Callable[[int], bytes]) -> Job:
    """Inverse of `pack_job`; `read(n)` gives exactly n bytes."""
    size, name, recursion = _HEAD.unpack(read(_HEAD.size))
    entry = read(name)
    return Job(read(size), entry, recursion)
