"""Descriptors: what it inherited, what it can make, and the channels to its supervisor."""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import (
    FAILED,
    FORGED,
    KILLED,
    LIMITS,
    NO_RIGHT,
    NOTHING,
    OUT_OF_TIME,
    QUICK,
    RAW,
    UNMOVED,
    Attack,
    Wall,
    Won,
    ends,
)

SECCOMP = (Wall.SECCOMP,)
BYTES = (Wall.TWO_BYTES,)
OWN = "{0, 1, 2, 100, 101, 102, 103}"
ALONE = "it harms itself alone"

FIND = f"""
import os, stat
def kind(fd):
    try:
        return stat.S_IFMT(os.fstat(fd).st_mode)
    except OSError:
        return 0
foreign = [fd for fd in range(4096) if fd not in {OWN} and kind(fd)]
"""

ATTACKS = (
    Attack("find an open descriptor of somebody else", FIND + "print('BROKE IN' if foreign else 'nothing')",
           (Wall.CLOSED,), NOTHING),
    Attack("find a socket of somebody else", FIND + """
print('BROKE IN' if any(kind(fd) == stat.S_IFSOCK for fd in foreign) else 'nothing')
""", (Wall.CLOSED,), NOTHING),
    Attack("answer in the zygote's name", FIND + """
import struct
for fd in foreign:
    if kind(fd) == stat.S_IFSOCK:
        print('BROKE IN', flush=True)
        os.write(fd, struct.pack('<i', 0))
print('nothing')
""", (Wall.CLOSED,), NOTHING),
    Attack("use the socket in the zygote's frame", """
import os, _socket, sys
frame = sys._getframe()
while frame:
    for value in list(frame.f_locals.values()):
        if isinstance(value, _socket.socket):
            try:
                os.write(value.fileno(), b'R')
                print('BROKE IN', flush=True)
            except OSError:
                pass
    frame = frame.f_back
print('nothing')
""", (Wall.CLOSED,), NOTHING),
    Attack("find a socket in all objects", """
import gc, os, _socket
gc.unfreeze()
for value in gc.get_objects():
    if isinstance(value, _socket.socket) and value.fileno() >= 0:
        try:
            os.write(value.fileno(), b'R')
            print('BROKE IN', flush=True)
        except OSError:
            pass
print('nothing')
""", (Wall.CLOSED,), NOTHING,
           no_control="the collector does not know the kind of socket that the zygote has"),
    Attack("open many descriptors", "import os\nfor _ in range(1000): os.dup(1)", (Wall.DESCRIPTORS,),
           ends(V.RUNTIME_ERROR, says="Too many open files")),
    Attack("open a far descriptor", "import os\nos.dup2(1, 1000)", (Wall.DESCRIPTORS,),
           ends(V.RUNTIME_ERROR, says="Bad file descriptor")),
    Attack("duplicate to a far descriptor", RAW + "call(72, 1, 0, 1000)", (Wall.DESCRIPTORS,),
           ends(V.PASSED, says="denied: Invalid")),
    Attack("make a pipe", "import os\nos.pipe()", SECCOMP, KILLED),
    Attack("make a file in memory", "import os\nos.memfd_create('x')", SECCOMP, KILLED),
    Attack("make a secret memory file", RAW + "call(447, 0)", SECCOMP, KILLED, needs="secret memory"),
    Attack("open a terminal", "import os\nos.openpty()", (Wall.SECCOMP, Wall.LANDLOCK), KILLED, needs="terminals"),
    Attack("type into the terminal", RAW + "call(16, 0, 0x5412, b'x')", SECCOMP, ends(V.PASSED, says="denied: "),
           no_control="it has no terminal"),
    Attack("make its stdin longer", "import os\nos.ftruncate(0, 1 << 30)", (Wall.FILE_SIZE,),
           ends(V.RUNTIME_ERROR, says="File too large")),
    Attack("write far into its stdin", "import os\nos.pwrite(0, b'x', 1 << 30)", (Wall.FILE_SIZE,),
           ends(V.RUNTIME_ERROR, says="File too large")),
    Attack("reserve space in its stdin",
           "import os\nos.posix_fallocate(0, 0, 1 << 20)", (Wall.SECCOMP, Wall.FILE_SIZE),
           KILLED),
    Attack("ask who is signalled for its stdin", RAW + "call(72, 103, 9)", SECCOMP, KILLED),
    Attack("write to its stdin", "import os\nos.pwrite(0, b'x', 0)", (Wall.FILE_SIZE,),
           ends(V.RUNTIME_ERROR, says="File too large"), inputs=("some input",)),
    Attack("write to its stdin by a mapping", RAW + """
libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, ctypes.c_size_t(4096), 3, 1, 0, ctypes.c_long(0))
ctypes.memmove(at, b"other", 5)
assert input() == "other"
""", (Wall.OWN_PROCESS,), UNMOVED, inputs=("input", "input"), no_control=ALONE),
    # ------------------------------------------------------------------ forged words to the supervisor, fd 100
    *(
        Attack(f"forge a frame: {what}", f"import os\nos.write(100, {frame})\nwhile True: pass", BYTES, FORGED,
               won=Won.LET_BE, limits=QUICK)
        for what, frame in (
            ("an unknown status", "b'=' + bytes([7])"),
            ("another word", "b'!'"),
            ("ready again", "b'+'"),
            ("a flood", "b'=' * 1000"),
            ("three at once", "b'=\\0=\\0=\\0'"),
            ("zeros", "bytes(99)"),
            ("half a frame", "b'='"),
            ("a verdict in words", "b'{\"kind\": \"passed\", \"passed\": 8}'"),
            ("a pickle", "__import__('pickle').dumps(print)"),
        )
    ),
    Attack("forge a frame well, then go on for ever", "import os\nos.write(100, b'=\\0')\nwhile True: pass",
           (Wall.CPU_CLOCK,), OUT_OF_TIME, won=Won.RAN_ON, inputs=("1", "2"), limits=QUICK),
    Attack("forge memory's end", "import os\nos.write(100, b'=\\2')\nwhile True: pass", BYTES, ends(V.MEMORY_LIMIT),
           no_control=ALONE),
    Attack("drown the supervisor", "import os\nwhile True: os.write(100, bytes(65536))", BYTES, FORGED,
           no_control="a flood of memory"),
    Attack("write its errors to the supervisor", "import os\nos.dup2(100, 2)\n1 / 0", BYTES, FORGED, won=Won.LET_BE),
    Attack("print to the supervisor",
           "import os\nos.dup2(100, 1)\nprint('=\\0', flush=True)\nwhile True: pass", BYTES,
           FORGED, won=Won.LET_BE, limits=QUICK),
    Attack("close its socket", "import os\nos.close(100)", (Wall.OWN_PROCESS,), FAILED, no_control=ALONE),
    Attack("close all it has",
           "import os\nfor fd in (0, 1, 2, 100, 101, 102, 103): os.close(fd)\n"
           "while True: pass", (Wall.CPU_CLOCK,), OUT_OF_TIME,
           limits=QUICK, won=Won.RAN_ON),
    Attack("close its socket and stay", "import os\nos.close(100)\nwhile True: pass", (Wall.CPU_CLOCK,), OUT_OF_TIME,
           limits=QUICK, won=Won.RAN_ON),
    Attack("read its supervisor's words", "import os\nos.read(100, 99)", (Wall.SLEEPERS,),
           ends(V.TIME_LIMIT, says="never comes"), limits=LIMITS, won=Won.RAN_ON),
    Attack("say that it is done, and take the word to go on", """
import os
os.write(100, b'=\\0')
os.read(100, 10)
print('both', flush=True)
os._exit(0)
""", (Wall.OWN_PROCESS,), UNMOVED, inputs=("1", "2"), no_control=ALONE),
    Attack("put its stdout over its stdin", "import os\nos.dup2(1, 0)\ninput()", SECCOMP,
           ends(V.RUNTIME_ERROR, says="Bad file|EOFError|not readable|OSError"), no_control=ALONE),
    Attack("look for its own log",
           "import os\nopen('/proc/self/fd/101').read()", (Wall.SECCOMP, Wall.LANDLOCK), NO_RIGHT,
           no_control="a pipe's own end has nothing to read"),
)  # fmt: skip
