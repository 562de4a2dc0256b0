"""os.fstat by descriptor alone. Untrusted side, standard library only.

glibc 2.33–2.38 asks through a call that takes a path, which is closed here (`policy`).
"""

from __future__ import annotations

import ctypes
import os

_SYS_FSTAT = 5
_LIBC = ctypes.CDLL(None, use_errno=True)


def fstat(fd: int) -> os.stat_result:
    words = (ctypes.c_int64 * 18)()
    if _LIBC.syscall(ctypes.c_long(_SYS_FSTAT), ctypes.c_int(fd), words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    device, inode, links, mode_uid, gid, _, size, _, _, accessed, _, modified, _, changed = words[:14]
    mode, uid = mode_uid & 0xFFFFFFFF, mode_uid >> 32
    return os.stat_result(
        (mode, inode, device, links, uid, gid & 0xFFFFFFFF, size, accessed, modified, changed)
    )
