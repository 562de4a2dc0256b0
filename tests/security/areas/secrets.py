"""Secrets: the environment, the memory it was forked from, the house and the machine round it."""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import NO_RIGHT, NOTHING, RAW, SECRET, Attack, Wall, ends

ENVIRONMENT, FRESH = (Wall.ENVIRONMENT,), (Wall.FRESH,)
START_FILE = (Wall.ENVIRONMENT, Wall.SECCOMP, Wall.LANDLOCK, Wall.NOT_DUMPABLE)
# In two parts, so that the program itself is not what it finds.
IS_SECRET = f"{SECRET[4:5]!r}.join({SECRET.split('-')!r})"
FOUND = f"\nprint('BROKE IN' if any({IS_SECRET} in text for text in texts) else 'nothing')"
TEXTS = """
import gc
gc.unfreeze()
objects = gc.get_objects()
parts = [v for o in objects if type(o) in (dict, list, tuple, set) for v in (o.values() if type(o) is dict else o)]
assert len(parts) > 1000
"""

ATTACKS = (
    Attack("read its environment",
           "import os\ntexts = [*os.environ.values(), *os.environ]" + FOUND, ENVIRONMENT, NOTHING),
    Attack("read its environment past Python", """
import ctypes
entries = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), 'environ')
texts, n = [], 0
while entries[n]:
    texts.append(entries[n].decode('utf-8', 'replace'))
    n += 1
""" + FOUND, ENVIRONMENT, NOTHING),
    Attack("read its environment by getenv", "import ctypes\nget = ctypes.CDLL(None).getenv\n"
           "get.restype = ctypes.c_char_p\ntexts = [(get(b'AWS_SECRET_ACCESS_KEY') or b'').decode()]" + FOUND,
           ENVIRONMENT, NOTHING),
    Attack("read its first stack", """
import ctypes
entries = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), '__environ')
at = ctypes.cast(entries, ctypes.POINTER(ctypes.c_void_p))[0]
n = 0
while entries[n]: n += 1
end = ctypes.cast(entries, ctypes.POINTER(ctypes.c_void_p))[n - 1]
texts = [ctypes.string_at(at, end - at + 40).decode('latin-1')]
""" + FOUND, ENVIRONMENT, NOTHING),
    Attack("read its start environment",
           f"open('/proc/self/environ').read().index({IS_SECRET})", START_FILE, NO_RIGHT),
    Attack("read the start environment of its thread", f"""
import os
open(f'/proc/self/task/{{os.getpid()}}/environ').read().index({IS_SECRET})
""", START_FILE, NO_RIGHT),
    Attack("search the objects that it was born with", TEXTS + "texts = [p for p in parts if type(p) is str]" + FOUND,
           FRESH, NOTHING),
    Attack("search the bytes that it was born with", TEXTS + "texts = [p.decode('latin-1') for p in parts "
           "if type(p) in (bytes, bytearray)]" + FOUND, FRESH, NOTHING),
    Attack("search the globals of all functions", """
import gc, types
gc.unfreeze()
texts = [v for f in gc.get_objects() if isinstance(f, types.FunctionType) for v in f.__globals__.values()
         if type(v) is str]
""" + FOUND, FRESH, NOTHING),
    Attack("search the modules", """
import sys
texts = [v for m in list(sys.modules.values()) for v in vars(m).values() if type(v) is str]
""" + FOUND, FRESH, NOTHING),
    Attack("search the frames below it", """
import sys
frame, texts = sys._getframe().f_back, []
while frame:
    texts += [v for v in (*frame.f_locals.values(), *frame.f_globals.values()) if type(v) is str]
    frame = frame.f_back
""" + FOUND, FRESH, NOTHING),
    Attack("search the frames of an exception", """
import sys, traceback
try:
    1 / 0
except ZeroDivisionError as error:
    frame, texts = error.__traceback__.tb_frame, []
while frame:
    texts += [v for v in frame.f_globals.values() if type(v) is str]
    frame = frame.f_back
""" + FOUND, FRESH, NOTHING),
    Attack("search the subclasses of all", """
texts, seen, todo = [], set(), [object]
while todo:
    for c in type.__subclasses__(todo.pop()):
        if c not in seen:
            seen.add(c)
            todo.append(c)
            texts += [v for v in vars(c).values() if type(v) is str]
            init = c.__dict__.get('__init__')
            texts += [v for v in getattr(init, '__globals__', {}).values() if type(v) is str]
""" + FOUND, FRESH, NOTHING),
    Attack("find the house in memory", """
import sys
house = [n for n in sys.modules if n.partition('.')[0] in ('codeseq_ray', 'worker', 'pydantic', 'ray', 'pytest')]
print('BROKE IN' if house else 'nothing')
""", FRESH, NOTHING),
    Attack("import the house", "import codeseq_ray", (Wall.SECCOMP, Wall.LANDLOCK),
           ends(V.RUNTIME_ERROR, says="ModuleNotFoundError"), no_control="its path is emptied besides"),
    Attack("read its own memory file",
           "open('/proc/self/mem', 'rb')", (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOT_DUMPABLE),
           NO_RIGHT),
    Attack("read its own map of memory", "open('/proc/self/maps').read()", (Wall.SECCOMP, Wall.LANDLOCK), NO_RIGHT),
    Attack("read its parent's command line", "import os\nopen(f'/proc/{os.getppid()}/cmdline').read()",
           (Wall.SECCOMP, Wall.LANDLOCK), NO_RIGHT),
    Attack("read the first process's environment", "open('/proc/1/environ').read()",
           (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOBODY), NO_RIGHT),
    Attack("read root's home", "import os\nos.listdir('/root')", (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOBODY), NO_RIGHT,
           needs="a closed home of root's"),
    Attack("read the passwords of the machine", "open('/etc/shadow').read()",
           (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOBODY), NO_RIGHT),
    Attack("read a service account's token", "open('/var/run/secrets/kubernetes.io/serviceaccount/token').read()",
           (Wall.SECCOMP, Wall.LANDLOCK), NO_RIGHT, no_control="there is one in a pod only"),
    Attack("read credentials in a home",
           "open('/root/.aws/credentials').read()", (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOBODY),
           NO_RIGHT, no_control="there are none in a test"),
    Attack("read open connections", "open('/proc/net/tcp').read()", (Wall.SECCOMP, Wall.LANDLOCK), NO_RIGHT),
    Attack("read the network cards",
           "import os\nos.listdir('/sys/class/net')", (Wall.SECCOMP, Wall.LANDLOCK), NO_RIGHT),
    Attack("read keys in /proc",
           "open('/proc/keys').read()", (Wall.SECCOMP, Wall.LANDLOCK), NO_RIGHT, needs="/proc/keys"),
    Attack("be root",
           "import os\nprint('BROKE IN' if 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid()) else "
           "'nothing')", (Wall.NOBODY,), NOTHING),
    Attack("be in root's groups", "import os\nos.getgroups()", (Wall.SECCOMP,), NO_RIGHT),
    Attack("dump its memory", RAW + "call(157, 4, 1, 0, 0, 0)\nctypes.string_at(0)\n# BROKE IN", (Wall.OWN_PROCESS,),
           ends(V.RUNTIME_ERROR, says="SIGSEGV"), no_control="where a dump goes is the machine's choice"),
    Attack("take a key pressed", "import sys\nsys.stdin = open('/dev/tty')", (Wall.SECCOMP, Wall.LANDLOCK),
           ends(V.RUNTIME_ERROR, says="PermissionError"), no_control="it has no terminal"),
    Attack("map memory of the machine", RAW + "call(9, 0, 4096, 1, 1, raw(2, b'/dev/mem', 0), 0)",
           (Wall.SECCOMP, Wall.LANDLOCK, Wall.NOBODY), ends(V.PASSED, says="denied"),
           no_control="it could read the whole machine"),
)  # fmt: skip
