"""Makes the zygote's memory cheap to fork. Untrusted side, standard library only.

A fork copies one entry per page. Huge pages have 512 times fewer of them: with numpy and sympy loaded, that is most
of a fork's cost. A kernel without them (before Linux 6.1) forks as well, only slower.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

_LIBC = ctypes.CDLL(None, use_errno=True)
_MADV_COLLAPSE = 25
_HUGE = 2 << 20


def tidy() -> None:
    """Call after the last import, before the first fork, while /proc/self/maps can be read."""
    with contextlib.suppress(AttributeError):  # musl has no malloc_trim
        # Sorts the heap's free pieces too, which else the first request would do in each child anew.
        _LIBC.malloc_trim(0)
    for start, end in _own_memory():
        first, last = -(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE
        if first < last:
            _LIBC.madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _MADV_COLLAPSE)


def _own_memory() -> Iterator[tuple[int, int]]:
    """Ranges of memory that belong to no file and can be written."""
    with open("/proc/self/maps") as maps:
        for line in maps.readlines():
            fields = line.split()
            if fields[1] == "rw-p" and (len(fields) == 5 or fields[5] == "[heap]"):
                start, _, end = fields[0].partition("-")
                yield int(start, 16), int(end, 16)
