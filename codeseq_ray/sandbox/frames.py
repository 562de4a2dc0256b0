"""What the trusted process, the zygote and its children say to each other. Standard library only.

Trusted process and zygote share a SEQPACKET socket (`control`): one message, one packet.

    trusted → zygote   SPAWN with four numbers and, as ancillary data, the child's three descriptors; or REAP
    zygote → trusted   once at start a JSON object; then a pid for each SPAWN, a wait status for each REAP

Trusted process and child share a stream socket (`talk`) and two pipes, stdout and stderr:

    child → trusted    READY, as soon as the walls stand
    trusted → child    the program and its inputs (`pack_job`), all before any of the program runs
    trusted → child    GO, once per input
    child → trusted    DONE and a status, once per input

Two bytes are all that the trusted side ever reads of a child's own account. Outputs are plain bytes on a pipe.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

SPAWN = struct.Struct("<cQQQq")
"""b"S", bytes of address space, seconds of CPU for all inputs, bytes of the longest input, seed of `random`."""
REAP = b"R"
PID = struct.Struct("<i")
STATUS = struct.Struct("<i")
MOST_GREETING = 4096
"""Bytes of the zygote's first message, at most."""

READY = b"+"
GO = b">"
DONE = b"="
ENDED, RAISED, OUT_OF_MEMORY = 0, 1, 2
"""Statuses after DONE: exit status 0, any other way to end, a MemoryError that nobody caught."""

_COUNT = struct.Struct("<Q")


def pack_job(source: bytes, inputs: Iterable[bytes]) -> bytes:
    """The program and its inputs as one run of bytes: a count, then each part behind its length."""
    parts = (source, *inputs)
    return _COUNT.pack(len(parts)) + b"".join(_COUNT.pack(len(p)) + p for p in parts)


def unpack_job(read: Callable[[int], bytes]) -> tuple[bytes, tuple[bytes, ...]]:
    """Inverse of `pack_job`; `read(n)` gives exactly n bytes."""
    (count,) = _COUNT.unpack(read(_COUNT.size))
    parts = [read(_COUNT.unpack(read(_COUNT.size))[0]) for _ in range(count)]
    return parts[0], tuple(parts[1:])
