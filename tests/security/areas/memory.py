"""Memory: more than the limit, by every road. What is asked for is mostly not touched, so controls are harmless."""

from __future__ import annotations

from codeseq_ray.ports import Limits
from codeseq_ray.records import VerdictKind as V

from ..attack import FAILED, KILLED, OUT_OF_MEMORY, OUT_OF_TIME, QUICK, RAW, Attack, Wall, ends

SPACE = (Wall.ADDRESS_SPACE,)
SMALL = Limits(cpu_seconds=4.0, memory_mb=16, output_bytes=10_000)
FLOOD = "a flood of memory hurts the machine from any namespace"
DENIED_BYTES = ends(V.PASSED, V.RUNTIME_ERROR, says="denied: Cannot allocate")
OVER = OUT_OF_MEMORY


def _space(name: str, source: str, how: object = OVER) -> Attack:
    assert how in (OVER, DENIED_BYTES)
    return Attack(name, source, SPACE, OVER if how is OVER else DENIED_BYTES, limits=SMALL)


ATTACKS = (
    _space("ask for one large block", "bytes(40 << 20)"),
    _space("ask for one large bytearray", "bytearray(40 << 20)"),
    _space("ask for a long list", "[0] * (5 << 20)"),
    _space("ask for a long array", "import array\narray.array('q', bytes(40 << 20))"),
    _space("ask for a long text", "'x' * (40 << 20)"),
    _space("ask for a large integer", "1 << (8 * 40 << 20)"),
    _space("shift into a large integer in place", "n = 1\nfor _ in range(15): n <<= 1 << 24"),
    _space("double a text", "s = 'a'\nwhile len(s) < 40 << 20: s += s"),
    _space("square an integer", "n = 1 << (1 << 20)\nfor _ in range(9): n = n << n.bit_length()"),
    _space("fill a buffer of ctypes", "import ctypes\nctypes.create_string_buffer(40 << 20)"),
    _space("unpack a bomb", """
import zlib
packer = zlib.compressobj(9, zlib.DEFLATED, -15)
block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
zlib.decompress(block * 40 + packer.flush(), -15)
"""),
    _space("unpack a bomb twice packed", """
import io, zlib
packer = zlib.compressobj(9, zlib.DEFLATED, -15)
block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
outer = zlib.compress(block * 40 + packer.flush(), 9)
zlib.decompress(zlib.decompress(outer), -15)
"""),
    _space("have a format pad", "'{:>41943040}'.format(1)"),
    _space("have a text repeated by join", "'x'.join(['y' * (1 << 20)] * 40)"),
    _space("have a text replaced", "('a' * (1 << 16)).replace('a', 'b' * (5 << 7))"),
    _space("map memory without backing", RAW + "call(9, 0, 1 << 31, 3, 0x4022, -1, 0)", DENIED_BYTES),
    _space("map shared memory", RAW + "call(9, 0, 1 << 30, 3, 33, -1, 0)", DENIED_BYTES),
    _space("map memory that may not be used yet", RAW + "call(9, 0, 1 << 31, 0, 0x4022, -1, 0)", DENIED_BYTES),
    _space("map its stdin large", RAW + "call(9, 0, 1 << 31, 3, 1, 0, 0)", DENIED_BYTES),
    _space("grow a mapping", RAW + "call(25, raw(9, 0, 4096, 3, 34, -1, 0), 4096, 1 << 30, 1)", DENIED_BYTES),
    _space("move the break", RAW + """
start = raw(12, 0)
print('BROKE IN' if raw(12, start + (1 << 30)) - start == 1 << 30 else 'denied: Cannot allocate')
""", DENIED_BYTES),
    Attack("ask for a thread's large stack", """
import threading
threading.stack_size(1 << 30)
try:
    t = threading.Thread(target=print); t.start(); t.join()
    print('BROKE IN')
except RuntimeError as error:
    print('denied: Cannot allocate', error)
""", SPACE, DENIED_BYTES, limits=SMALL),
    Attack("ask for many small stacks", """
import threading
threading.stack_size(64 << 20)
wait = threading.Event()
try:
    for n in range(16): threading.Thread(target=wait.wait, daemon=True).start()
    print('BROKE IN', flush=True)
except RuntimeError as error:
    print('denied: Cannot allocate', error, flush=True)
wait.set()
""", SPACE, DENIED_BYTES, limits=SMALL),
    Attack("lock memory", RAW + "libc.mmap.restype = ctypes.c_long\ncall(149, id(buffer) & ~4095, 4096)",
           (Wall.SECCOMP, Wall.LOCKED_MEMORY), KILLED),
    Attack("lock all memory", RAW + "call(151, 2)", (Wall.SECCOMP, Wall.LOCKED_MEMORY), KILLED),
    Attack("fill lists", "a = []\nwhile True: a.append(bytes(1 << 20))", SPACE, OUT_OF_MEMORY, no_control=FLOOD),
    Attack("fill a dictionary", "d = {}\nwhile True: d[len(d)] = (len(d),)", SPACE, OUT_OF_MEMORY, no_control=FLOOD,
           limits=Limits(cpu_seconds=10.0, memory_mb=128)),
    Attack("fill generators", "g = iter(())\nimport itertools\nwhile True: g = itertools.chain(g, bytes(1 << 20))",
           SPACE, OUT_OF_MEMORY, no_control=FLOOD),
    Attack("recurse without end", "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(n): return f(n + 1) + 1\nf(0)",
           SPACE, ends(V.MEMORY_LIMIT, V.RUNTIME_ERROR, V.TIME_LIMIT), limits=QUICK, no_control=FLOOD),
    Attack("recurse without end through C", """
import sys, functools
sys.setrecursionlimit(1 << 30)
class C:
    def __repr__(self): return repr([self])
repr(C())
""", (Wall.OWN_PROCESS,), ends(V.RUNTIME_ERROR, V.MEMORY_LIMIT, V.TIME_LIMIT), limits=QUICK,
           no_control="a stack that overflows crashes with and without"),
    Attack("nest a program too deeply to compile",
           "exec(compile('-' * 500_000 + '1', 'x', 'exec'))", (Wall.OWN_PROCESS,),
           ends(V.RUNTIME_ERROR, V.MEMORY_LIMIT), no_control="a stack that overflows crashes with and without"),
    Attack("catch every MemoryError", """
a = []
while True:
    try:
        while True: a.append(bytes(1 << 20))
    except MemoryError:
        pass
""", (*SPACE, Wall.CPU_CLOCK), OUT_OF_TIME, limits=QUICK, no_control=FLOOD),
    Attack("read what it freed", "import ctypes\nprint(len(ctypes.string_at(id(0), 1 << 30)))", (Wall.OWN_PROCESS,),
           ends(V.RUNTIME_ERROR, V.MEMORY_LIMIT), no_control="it crashes with and without"),
    Attack("free what is not its own", "import ctypes\nctypes.CDLL(None).free(ctypes.c_void_p(id(int)))",
           (Wall.OWN_PROCESS,), FAILED, no_control="it crashes with and without"),
)  # fmt: skip
