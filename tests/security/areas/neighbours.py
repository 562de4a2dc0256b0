"""Neighbours: the zygote that forked it, and another process of the same user (VICTIM) that has a secret."""

from __future__ import annotations

from ..attack import DENIED, KILLED, NO_RIGHT, RAW, UPPER, VICTIM, Attack, Wall

SECCOMP = (Wall.SECCOMP,)
# Landlock keeps a process from those outside its domain; the zygote lies within, and is not dumpable instead.
OUTSIDE = (Wall.SECCOMP, Wall.LANDLOCK)
PARENT = (Wall.SECCOMP, Wall.NOT_DUMPABLE)
PARENT_FILE = (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOT_DUMPABLE)

VECTOR = """
place = id(str) + 8  # the same in the zygote, which this process was forked from
local, remote = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 8), (ctypes.c_uint64 * 2)(place, 8)
ctypes.memmove(buffer, place, 8)
"""
STACK = f"""
with open('/proc/{VICTIM}/maps') as file:
    at = next(int(line.partition("-")[0], 16) for line in file if "rw-p" in line)
local, remote = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 8), (ctypes.c_uint64 * 2)(at, 8)
"""

ATTACKS = (
    Attack("signal a neighbour", f"import os\nos.kill({VICTIM}, 0)", OUTSIDE, KILLED, needs="Landlock's scopes"),
    Attack("signal a neighbour's thread", RAW + f"call(234, {VICTIM}, {VICTIM}, 0)", OUTSIDE, DENIED,
           needs="Landlock's scopes"),
    Attack("signal a neighbour held by descriptor",
           RAW + f"call(424, raw(434, {VICTIM}, 0), 0, 0, 0)", OUTSIDE, KILLED,
           needs="Landlock's scopes"),
    Attack("hold a neighbour by descriptor", RAW + f"call(434, {VICTIM}, 0)", SECCOMP, KILLED),
    Attack("copy a neighbour's descriptor", RAW + f"call(438, raw(434, {VICTIM}, 0), 0, 0)", OUTSIDE, KILLED,
           needs="ptrace"),
    Attack("trace a neighbour", RAW + f"call(101, 0x4206, {VICTIM}, 0, 0)", OUTSIDE, KILLED, needs="ptrace"),
    Attack("attach to a neighbour", RAW + f"""
if call(101, 16, {VICTIM}, 0, 0) == 0:
    while raw(61, {VICTIM}, 0, 0x40000000, 0) == -1: pass
    raw(101, 17, {VICTIM}, 0, 0)
""", OUTSIDE, KILLED, needs="ptrace"),
    Attack("read a neighbour's memory", RAW + f"call(310, {VICTIM}, buffer, 1, buffer, 1, 0)", OUTSIDE, KILLED,
           no_control="it needs an address first; the next one finds it"),
    Attack("find and read a neighbour's memory", RAW + STACK + f"call(310, {VICTIM}, local, 1, remote, 1, 0)",
           OUTSIDE, NO_RIGHT, needs="ptrace"),
    Attack("find and write a neighbour's memory", RAW + STACK + f"""
raw(310, {VICTIM}, local, 1, remote, 1, 0)
call(311, {VICTIM}, local, 1, remote, 1, 0)
""", OUTSIDE, NO_RIGHT, needs="ptrace"),
    Attack("read a neighbour's memory file", f"open('/proc/{VICTIM}/mem', 'rb')", OUTSIDE, NO_RIGHT, needs="ptrace"),
    Attack("read a neighbour's environment",
           f"open('/proc/{VICTIM}/environ').read()", OUTSIDE, NO_RIGHT, needs="ptrace"),
    Attack("read a neighbour's command line", f"open('/proc/{VICTIM}/cmdline').read()", OUTSIDE, NO_RIGHT),
    Attack("list a neighbour's descriptors", f"import os\nos.listdir('/proc/{VICTIM}/fd')", OUTSIDE, NO_RIGHT,
           needs="ptrace"),
    Attack("list all processes", "import os\n[p for p in os.listdir('/proc') if p.isdigit()]", OUTSIDE, NO_RIGHT),
    Attack("have a neighbour killed first",
           f"open('/proc/{VICTIM}/oom_score_adj', 'w').write('500')", OUTSIDE, KILLED),
    Attack("read a neighbour's limits", RAW + f"call(302, {VICTIM}, 7, 0, buffer)", SECCOMP, KILLED),
    Attack("lower a neighbour's limits", RAW + f"""
call(302, {VICTIM}, 4, (ctypes.c_uint64 * 2)(0, 0), 0)
""", SECCOMP, KILLED),
    Attack("slow a neighbour down", f"import os\nos.setpriority(os.PRIO_PROCESS, {VICTIM}, 1)", SECCOMP, KILLED),
    Attack("pin a neighbour", f"import os\nos.sched_setaffinity({VICTIM}, os.sched_getaffinity(0))", SECCOMP, KILLED),
    Attack("see where a neighbour runs", RAW + f"call(204, {VICTIM}, 4096, buffer)", SECCOMP, KILLED),
    Attack("see it with rubbish above", RAW + f"call(204, {UPPER} | {VICTIM}, 4096, buffer)", SECCOMP, KILLED),
    Attack("read a neighbour's CPU clock", RAW + f"call(228, (~{VICTIM} << 3) | 2, buffer)", SECCOMP, KILLED),
    Attack("make a neighbour read and write last", RAW + f"call(251, 1, {VICTIM}, 0x6000)", SECCOMP, KILLED),
    Attack("move a neighbour's memory", RAW + f"call(256, {VICTIM}, 64, buffer, buffer)", OUTSIDE, KILLED,
           no_control="it does something on machines of several memory nodes only"),
    Attack("share memory by System V", RAW + "call(29, 0, 4096, 0o1600)", SECCOMP, KILLED),
    Attack("share semaphores by System V", RAW + "call(64, 0, 1, 0o1600)", SECCOMP, KILLED),
    Attack("share messages by System V", RAW + "call(68, 0, 0o1600)", SECCOMP, KILLED),
    Attack("share messages by POSIX", RAW + "call(240, b'q', 0o102, 0o600, 0)", OUTSIDE, KILLED),
    Attack("share memory by POSIX", "open('/dev/shm/codeseq-attack', 'w')", OUTSIDE, KILLED),
    Attack("find shared memory", "import os\nos.listdir('/dev/shm')", OUTSIDE, NO_RIGHT),
    # ---------------------------------------------------------------------------------------- the zygote
    Attack("trace its parent", RAW + "call(101, 0x4206, parent, 0, 0)", PARENT, KILLED, needs="ptrace"),
    Attack("offer itself to be traced", RAW + "call(101, 0, 0, 0, 0)", SECCOMP, KILLED),
    Attack("read its parent's memory", RAW + VECTOR + "call(310, parent, local, 1, remote, 1, 0)", PARENT, KILLED,
           needs="ptrace"),
    Attack("write its parent's memory", RAW + VECTOR + "call(311, parent, local, 1, remote, 1, 0)", PARENT, KILLED,
           needs="ptrace"),
    Attack("read its parent's memory file",
           "import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')", PARENT_FILE, NO_RIGHT,
           needs="ptrace"),
    Attack("read its parent's environment", "import os\nopen(f'/proc/{os.getppid()}/environ').read()",
           PARENT_FILE, NO_RIGHT),
    Attack("copy its parent's socket", RAW + "call(438, raw(434, parent, 0), 2, 0)", PARENT, KILLED, needs="ptrace"),
    Attack("read its parent's locks",
           RAW + "call(274, parent, buffer, ctypes.byref(ctypes.c_uint64()))", PARENT, KILLED,
           needs="ptrace"),
    Attack("compare itself with its parent", RAW + "call(312, os.getpid(), parent, 2, 0, 0)", PARENT, KILLED,
           needs="ptrace"),
    Attack("read its parent's limits", RAW + "call(302, parent, 7, 0, buffer)", SECCOMP, KILLED),
    Attack("read them with rubbish above", RAW + f"call(302, {UPPER} | parent, 7, 0, buffer)", SECCOMP, KILLED),
    Attack("read its parent's CPU clock", RAW + "call(228, (~parent << 3) | 2, buffer)", SECCOMP, KILLED),
    Attack("read that clock with rubbish above", RAW + f"""
call(228, {UPPER} | (((~parent << 3) | 2) & 0xffffffff), buffer)
""", SECCOMP, KILLED),
    Attack("slow its parent down", "import os\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 1)", SECCOMP, KILLED),
)  # fmt: skip
