"""Output: more than the cap on stdout, floods on stderr."""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import LIMITS, OUT_OF_TIME, QUICK, TOO_MUCH, UNMOVED, Attack, Wall, Won, ends

CAP, TAIL = (Wall.OUTPUT_CAP,), (Wall.STDERR_TAIL,)
STOPPED = TOO_MUCH

_OUT = {
    "print one long line": "print('x' * 100_000)",
    "print many lines": "for n in range(50_000): print(n)",
    "write to the descriptor": "import os\nfor _ in range(100): os.write(1, bytes(1000))",
    "write bytes": "import sys\nsys.stdout.buffer.write(bytes(100_000))",
    "write to a copy of the descriptor": "import os\nfor _ in range(100): os.write(os.dup(1) and 101, bytes(1000))",
    "write past Python's stdout": "import sys\nsys.stdout = None\nprint('x' * 100_000, file=sys.__stdout__)",
    "write many parts at once": "import os\nfor _ in range(100): os.writev(1, [bytes(10)] * 100)",
    "write by C": "import ctypes\nc = ctypes.CDLL(None)\nfor _ in range(2000): c.printf(b'%050d', 1)\nc.fflush(None)",
    "print from threads": "import threading\n"
    "t = [threading.Thread(target=print, args=('x' * 50_000,)) for _ in 'ab']\n"
    "[x.start() for x in t]; [x.join() for x in t]",
    "print when it is over": "import atexit\natexit.register(print, 'x' * 100_000)",
    "print when an object goes": "class D:\n    def __del__(self, p=print): p('x' * 100_000)\nd = D()",
    "print, then leave at once": "import os, sys\nos.write(1, bytes(60_000))\nos._exit(0)",
    "print what takes more bytes than letters": "print('\\U0001f600' * 5_000)",
}
_ERR = {
    "flood stderr": "import sys\nfor _ in range(2000): sys.stderr.write('e' * 100)",
    "write to stderr's descriptor": "import os\nfor _ in range(200): os.write(2, b'e' * 1000)",
    "raise a long error": "raise ValueError('e' * 100_000)",
    "leave with a long message": "import sys\nsys.exit('e' * 100_000)",
    "warn without end": "import warnings\nfor n in range(3000): warnings.warn(f'warning {n}')",
}

ATTACKS = (
    *(
        Attack(name, source, CAP, STOPPED, won=Won.PRINTED_MORE, limits=LIMITS) for name, source in _OUT.items()
    ),
    *(
        Attack(name, source, TAIL, ends(V.PASSED, V.RUNTIME_ERROR), won=Won.PRINTED_MORE, limits=LIMITS)
        for name, source in _ERR.items()
    ),
    Attack("print without end", "while True: print('spam' * 100)", CAP, STOPPED, no_control="a flood of memory"),
    Attack("flood stderr without end",
           "import os\nwhile True: os.write(2, bytes(65536))", (Wall.CPU_CLOCK,), OUT_OF_TIME,
           limits=QUICK, no_control="at the backstop it waits for its reader"),
    Attack("flood stderr byte by byte", "import os\nwhile True: os.write(102, b'e')", (Wall.CPU_CLOCK,), OUT_OF_TIME,
           won=Won.RAN_ON, limits=QUICK),
    Attack("print terminal commands and broken letters", "import os\nos.write(1, b'\\x1b[2J\\xff\\xfe\\x00\\x80')",
           (Wall.BYTES_ONLY,), UNMOVED, no_control="nothing reads it but the comparison"),
    Attack("close its stdout", "import os, sys\nsys.stdout.close()\nos.close(1)", (Wall.OWN_PROCESS,), UNMOVED,
           no_control="it harms itself alone"),
)  # fmt: skip
