"""Time: CPU without end by every road, and waiting for nothing."""

from __future__ import annotations

from codeseq_ray.ports import Limits
from codeseq_ray.records import VerdictKind as V

from ..attack import ASLEEP, OUT_OF_TIME, QUICK, Attack, Backstop, Wall, Won, ends

CLOCK, SLEEPERS = (Wall.CPU_CLOCK,), (Wall.SLEEPERS,)

_SPINS = {
    "loop": "while True: pass",
    "loop in C": "for _ in iter(int, 1): pass",
    "sum in C": "sum(range(10 ** 15))",
    "count in C": "import collections, itertools\ncollections.deque(itertools.count(), maxlen=0)",
    "match a regular expression that backtracks": "import re\nre.match('(a|aa)+$', 'a' * 99 + 'b')",
    "match another": "import re\nre.search(r'^(\\w+\\s?)*$', 'word ' * 40 + '!')",
    "raise a power without letting go": "x = 7 ** (3 * 10 ** 7)",
    "multiply long integers": "n = 3 ** 100_000\nwhile True: n * n",
    "raise a power with a modulus": "pow(3, 10 ** 60_000, 10 ** 60_000 + 1)",
    "print a long integer": "str(1 << 30_000_000)",
    "read a long integer": "int('9' * 3_000_000)",
    "divide to a million places": "import decimal as d\nd.getcontext().prec = 10 ** 7\n"
    "d.Decimal(2) ** d.Decimal('0.5')",
    "factor out": "import math\nmath.factorial(10 ** 7)",
    "collide hashes": "class K:\n    def __init__(self): pass\n    __hash__ = lambda s: 1\n"
    "{K() for _ in range(10 ** 6)}",
    "compare for ever": "class K:\n    def __lt__(self, other):\n        while True: pass\nsorted([K(), K()])",
    "sleep, which is no pause here": "import time\nwhile True: time.sleep(1000)",
    "spin in threads": "import threading\n"
    "[threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start() for _ in 'abcd']",
    "spin in a thread that it leaves": "import threading\n"
    "threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()",
    "spin behind a pool": "from concurrent.futures import ThreadPoolExecutor as P\n"
    "P(2).submit(lambda: [0 for _ in iter(int, 1)])",
    "spin when it is over": "import atexit\natexit.register(lambda: [0 for _ in iter(int, 1)])",
    "spin when an object goes": "class D:\n    def __del__(self):\n        while True: pass\nd = D()",
    "spin when its error is shown": "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    "spin when its stdout is flushed": "import sys\nclass S:\n    write, closed = len, False\n"
    "    def flush(self):\n        while True: pass\n"
    "sys.stdout = S()",
    "spin in a trace": "import sys\ndef t(*_):\n    while True: pass\nsys.settrace(t)\n(lambda: 0)()",
    "spin in an audit hook": "import sys\ndef h(*_):\n    while True: pass\nsys.addaudithook(h)\n"
    "compile('1', '', 'eval')",
    "catch everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "ignore the signals of the time limit": "import signal\nfor s in range(1, 65):\n"
    "    try: signal.signal(s, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nwhile True: pass",
    "block all signals": "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "be woken by a timer": "import signal\nsignal.signal(signal.SIGALRM, lambda *_: None)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\nwhile True: pass",
    "compile for ever": "while True: compile('x = 1\\n' * 9999, 'x', 'exec')",
    "never let other threads run": "import sys\nsys.setswitchinterval(1e9)\nwhile True: pass",
}  # fmt: skip

_SLEEPS = {
    "wait for an event": "import threading\nthreading.Event().wait()",
    "wait for a lock that it holds": "import threading\nk = threading.Lock()\nk.acquire()\nk.acquire()",
    "wait for its own thread": "import threading\ne = threading.Event()\n"
    "[threading.Thread(target=e.wait).start() for _ in 'abc']",
    "wait for an empty queue": "import queue\nqueue.Queue().get()",
}

ATTACKS = (
    *(
        Attack(name, source, CLOCK, OUT_OF_TIME, won=Won.RAN_ON, limits=QUICK)
        for name, source in _SPINS.items()
    ),
    *(
        Attack(name, source, SLEEPERS, ASLEEP, won=Won.RAN_ON, limits=QUICK)
        for name, source in _SLEEPS.items()
    ),
    Attack("spin when nobody watches", "while True: pass", (Wall.CPU_CLOCK, Wall.CPU), OUT_OF_TIME, won=Won.RAN_ON,
           limits=Limits(cpu_seconds=0.2, memory_mb=256)),
    Attack("spend on each input nearly all", "while True: pass", CLOCK, OUT_OF_TIME, won=Won.RAN_ON, limits=QUICK,
           inputs=("1", "2", "3")),
    Attack("leave a thread that spins at the next input", """
import threading
def spin():
    while True: pass
threading.Thread(target=spin, daemon=True).start()
""", CLOCK, ends(V.TIME_LIMIT, V.PASSED), inputs=tuple("abcdefgh"), limits=QUICK,
           no_control="the inputs may end before the limit is reached"),
    Attack("sleep till the backstop is near, and look busy then", """
import threading, time
began, wait = time.monotonic(), threading.Event()
while time.monotonic() - began < 1.5: wait.wait(0.1)
while True: pass
""", SLEEPERS, OUT_OF_TIME, won=Won.RAN_ON, limits=Backstop(cpu_seconds=0.8, memory_mb=256, wall=2.0)),
    Attack("end its first thread, and leave another asleep", """
import ctypes, threading
wait = threading.Event()
threading.Thread(target=wait.wait, daemon=True).start()
ctypes.CDLL(None).syscall(60, 0)
""", SLEEPERS, OUT_OF_TIME, won=Won.RAN_ON,
           limits=Backstop(cpu_seconds=0.2, memory_mb=256, wall=2.5)),
    Attack("pause for a signal", "import signal\nsignal.pause()", (Wall.SECCOMP,), ends(V.SECURITY_VIOLATION),
           no_control="without the wall it sleeps, as others here do"),
    Attack("wait for descriptors", "import select\nselect.select([], [], [])", (Wall.SECCOMP,),
           ends(V.RUNTIME_ERROR, says="PermissionError"), no_control="without the wall it sleeps, as others here do"),
)  # fmt: skip
