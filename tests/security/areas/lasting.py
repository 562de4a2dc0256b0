"""What stays: changes that the next program, or the next input of the same program, could feel.

Inputs of one program share an interpreter, so a program can deceive itself; `one_process_per_input` ends that. The
control of "own process per program" runs both programs as two inputs of one.
"""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import FOLDER, KILLED, RAW, UNMOVED, Attack, Wall, ends

OWN, OWN_INPUT, BOTH = (Wall.OWN_PROCESS,), (Wall.OWN_INPUT,), (Wall.SECCOMP, Wall.LANDLOCK)


def _hit(test: str) -> str:
    return f"print('BROKE IN' if {test} else 'nothing')"


_LEFT: dict[str, tuple[str, str]] = {
    "replace print": (
        "import builtins, os\nbuiltins.print = lambda *_, w=os.write: w(1, b'BROKE IN')", "print('nothing')"),
    "replace a builtin function": ("import builtins\nbuiltins.sum = lambda *_: 0", _hit("sum([1, 2]) != 3")),
    "replace a function of a module": ("import math\nmath.sqrt = abs", "import math\n" + _hit("math.sqrt(4) != 2")),
    "plant a module": ("import sys, types\nsys.modules['planted'] = types.ModuleType('planted')",
                       "import sys\n" + _hit("'planted' in sys.modules")),
    "take a module away": ("import sys\nsys.modules['math'] = None",
                           "try:\n    import math\n    print('nothing')\nexcept ImportError:\n    print('BROKE IN')"),
    "replace the import": (
        "import builtins\nbuiltins.__import__ = lambda *_: None", "import math\n" + _hit("math is None")),
    "plant an import hook": (
        "import sys\nsys.meta_path.insert(0, print)", "import sys\n" + _hit("print in sys.meta_path")),
    "plant a path": ("import sys\nsys.path.append('planted')", "import sys\n" + _hit("'planted' in sys.path")),
    "change a class": ("import fractions\nfractions.Fraction.__add__ = lambda *_: 0",
                       "from fractions import Fraction as F\n" + _hit("F(1) + 1 != 2")),
    "change a small integer's memory": (
        "import ctypes\nctypes.memmove(id(77) + 24, b'\\x4e', 1)",
        "n = 70\n" + _hit("str(n + 7) == '78'")),
    "change the precision of decimals": (
        "import decimal\ndecimal.DefaultContext.prec = 3\ndecimal.setcontext(decimal.Context(prec=3))",
                                         "import decimal\n" + _hit("decimal.getcontext().prec != 28")),
    "change the length of printed integers": ("import sys\nsys.set_int_max_str_digits(640)",
                                              "import sys\n" + _hit("sys.get_int_max_str_digits() == 640")),
    "change the environment": (
        "import os\nos.environ['PLANTED'] = '1'", "import os\n" + _hit("'PLANTED' in os.environ")),
    "stop the collector": ("import gc\ngc.disable()", "import gc\n" + _hit("not gc.isenabled()")),
    "change how threads take turns": (
        "import sys\nsys.setswitchinterval(9.0)", "import sys\n" + _hit("sys.getswitchinterval() == 9")),
    "change the size of stacks": ("import threading\nthreading.stack_size(1 << 20)",
                                  "import threading\n" + _hit("threading.stack_size() == 1 << 20")),
    "plant an audit hook": (
        "import os, sys\nsys.addaudithook(lambda e, a, w=os.write: e == 'planted' and w(1, b'BROKE IN'))",
                            "import sys\nsys.audit('planted')\nprint('nothing')"),
    "plant a trace": (
        "import sys, threading\nthreading.settrace(print)", "import threading\n" + _hit("threading.gettrace()")),
    "plant a profiler": ("import sys\nsys.setprofile(lambda *_: None)", "import sys\n" + _hit("sys.getprofile()")),
    "plant a display hook": ("import sys\nsys.excepthook = print", "import sys\n" + _hit("sys.excepthook is print")),
    "plant a handler at the end": (
        "import atexit\natexit.register(lambda: atexit.register(print, 'BROKE IN'))\n"
        "class A:\n    def __init__(s): s.f = atexit.register\n    def __del__(s): s.f(print, 'BROKE IN')\n"
        "import sys\nsys.modules['kept'] = A()", "import sys\nsys.modules.pop('kept', None)\nprint('nothing')"),
    "plant a codec": (
        "import codecs\ncodecs.register(lambda n, it=codecs.lookup('utf-8'): it if n == 'planted' else None)",
                      "try:\n    ''.encode('planted')\n    print('BROKE IN')\nexcept LookupError:\n"
                      "    print('nothing')"),
    "silence warnings": (
        "import warnings\nwarnings.filters.clear()", "import warnings\n" + _hit("not warnings.filters")),
    "plant a handler of a signal": ("import signal\nsignal.signal(signal.SIGALRM, print)",
                                    "import signal\n" + _hit("signal.getsignal(signal.SIGALRM) is print")),
    "block signals": ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])",
                      "import signal\n" + _hit("signal.pthread_sigmask(signal.SIG_BLOCK, [])")),
    "leave a timer": ("import signal\nsignal.signal(signal.SIGALRM, print)\nsignal.setitimer(signal.ITIMER_REAL, 99)",
                      "import signal\n" + _hit("signal.getitimer(signal.ITIMER_REAL)[0]")),
    "leave a thread": ("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
                       "import threading\n" + _hit("threading.active_count() > 1")),
    "leave a thread that prints": (
        "import os, sys, threading\ndef late(modules=sys.modules, write=os.write):\n    modules['go'].wait()\n"
        "    write(1, b'BROKE IN')\n    modules['done'].set()\n"
        "sys.modules['go'], sys.modules['done'] = threading.Event(), threading.Event()\n"
        "threading.Thread(target=late, daemon=True).start()",
        "import sys\nif 'go' in sys.modules:\n    sys.modules['go'].set()\n    sys.modules['done'].wait(5)\n"
        "print('nothing')"),
    "leave a descriptor": ("import os\nos.dup2(1, 50)", "import os\ntry:\n    os.fstat(50)\n    print('BROKE IN')\n"
                           "except OSError:\n    print('nothing')"),
    "replace what the sandbox itself calls": (
        "import sys\nfor m in list(sys.modules.values()):\n"
        "    if getattr(m, 'NAME', '') == '<program>': m._flush = lambda: None",
        "import sys\n" + _hit("any(getattr(getattr(m, '_flush', None), '__name__', '') == '<lambda>' "
                              "for m in sys.modules.values())")),
    "replace os.write and os.read": (
        "import os\nos.write = os.read = None", "import os\n" + _hit("os.write is None")),
    "fill memory and keep it": ("import sys\nsys.modules['kept'] = bytearray(8 << 20)",
                                "import sys\n" + _hit("'kept' in sys.modules")),
    "change the locale": ("import locale\nlocale.setlocale(locale.LC_ALL, 'C')",
                          "import locale\n" + _hit("locale.setlocale(locale.LC_ALL) == 'C'")),
    "change how random begins": ("import random\nrandom.seed = lambda *_: None\nrandom.random = lambda: 4.0",
                                 "import random\n" + _hit("random.random() == 4.0")),
    "change the cache of source lines": ("import linecache\nlinecache.cache['x'] = (0, None, ['BROKE IN'], 'x')",
                                         "import linecache\n" + _hit("linecache.getline('x', 1)")),
    "change the format of long integers in JSON": ("import json\njson.dumps = lambda *_: '0'",
                                                   "import json\n" + _hit("json.dumps(1) == '0'")),
}  # fmt: skip

_INPUTS: dict[str, str] = {
    "count its inputs": "import sys\nseen = sys.modules.setdefault('seen', [])\nseen.append(1)\n"
    + _hit("len(seen) > 1"),
    "remember its inputs": "import sys\nseen = sys.modules.setdefault('seen', [])\nprint(seen)\n"
    "seen.append('BROKE IN')",
    "change a builtin for its next input": "import builtins\n"
    + _hit("abs(1) == 5")
    + "\nbuiltins.abs = lambda n: 5",
    "answer its next input too": "import os, sys\nif 'left' in sys.modules: os.write(1, b'BROKE IN')\n"
    "sys.modules['left'] = None",
    "print into its next input": """
import os, sys, threading
if 'go' in sys.modules:
    sys.modules['go'].set()
    sys.modules['done'].wait(5)
sys.modules['go'], sys.modules['done'] = threading.Event(), threading.Event()
def late(go, done, write=os.write):
    go.wait()
    write(1, b'BROKE IN')
    done.set()
threading.Thread(target=late, args=(sys.modules['go'], sys.modules['done']), daemon=True).start()
""",
}

ATTACKS = (
    *(Attack(name, source, OWN, UNMOVED, after=after) for name, (source, after) in _LEFT.items()),
    *(Attack(name, source, OWN_INPUT, UNMOVED, inputs=("first", "second")) for name, source in _INPUTS.items()),
    Attack("leave a file for the next program", f"open('{FOLDER}/left', 'w')", BOTH, KILLED,
           after=f"open('{FOLDER}/left')\nprint('BROKE IN')"),
    Attack("leave a file in shared memory", "open('/dev/shm/codeseq-left', 'w')", BOTH, KILLED,
           after="open('/dev/shm/codeseq-left')\nprint('BROKE IN')"),
    Attack("leave a System V segment", RAW + "raw(29, 4711, 4096, 0o1666)", (Wall.SECCOMP,), KILLED,
           after=RAW + "call(29, 4711, 4096, 0)"),
    Attack("leave a message queue", RAW + "raw(240, b'left', 0o102, 0o666, 0)", BOTH, KILLED,
           after=RAW + "call(240, b'left', 0, 0, 0)"),
    Attack("leave a key", RAW + "raw(248, b'user', b'left', b'x', 1, -4)", (Wall.SECCOMP,), KILLED,
           after=RAW + "call(249, b'user', b'left', 0, 0)"),
    Attack("leave a process", "import os, time\nif os.fork() == 0:\n    import signal\n    signal.pause()",
           (Wall.SECCOMP,), KILLED, no_control="what is left over ends with the namespace"),
    Attack("leave a changed mask of files", "import os\nos.umask(0o777)", (Wall.SECCOMP,), KILLED,
           no_control="it harms itself alone"),
    Attack("write into every module", """
import sys
for m in list(sys.modules.values()):
    if isinstance(m, type(sys)): m.planted = 1
""", OWN, UNMOVED, after="import sys\n" + _hit("any(hasattr(m, 'planted') for m in sys.modules.values())")),
    Attack("write bytecode for the next program", f"import py_compile\npy_compile.compile('{FOLDER}/planted.py')",
           BOTH, ends(V.RUNTIME_ERROR, says="ModuleNotFoundError|PermissionError"),
           no_control="the module is not there"),
)  # fmt: skip
