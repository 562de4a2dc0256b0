"""Verdicts: programs that do not know the answer and want to be taken for right.

Each is right for a naive judge of `naive`, and must not be for ours. The input is "7", the answer a number that no
program can guess.
"""

from __future__ import annotations

from codeseq_ray.records import VerdictKind as V

from ..attack import FAILED, QUICK, Attack, Ends, Wall, ends

OUTSIDE, BYTES = (Wall.COMPARED_OUTSIDE,), (Wall.BYTES_ONLY,)
STATUS, EXACT = (Wall.OUTPUT_ONLY,), (Wall.EXACT,)
NOT_RIGHT = ends(V.WRONG_ANSWER, V.RUNTIME_ERROR, V.SECURITY_VIOLATION)
WRONG = ends(V.WRONG_ANSWER)


def _forge(
    name: str, naive: str, walls: tuple[Wall, ...], source: str, how: Ends = NOT_RIGHT, entry: str | None = None,
) -> Attack:  # fmt: skip
    return Attack(name, source, walls, how, naive=naive, limits=QUICK, entry=entry)


ATTACKS = (
    # --------------------------------------------------- the judge runs the program in its own interpreter
    _forge("be equal to everything", "same process", OUTSIDE, """
class Equal(int):
    __eq__ = lambda self, other: True
    __ne__ = lambda self, other: False
answer = Equal(0)
print(answer)
""", WRONG),
    _forge("be equal as a text", "same process", OUTSIDE, """
class Equal(str):
    __eq__ = lambda self, other: True
    __hash__ = str.__hash__
answer = Equal('0')
print(answer)
""", WRONG),
    _forge("be a text that changes", "same process, as text", OUTSIDE, """
import sys
class Text:
    def __str__(self):
        frame = sys._getframe(1)
        while frame:
            if 'expected' in frame.f_locals: return str(frame.f_locals['expected'])
            frame = frame.f_back
        return '0'
answer = Text()
print(answer)
""", WRONG),
    _forge("find the answer in the judge's frames", "same process", OUTSIDE, """
import sys
frame, answer = sys._getframe(), 0
while frame:
    answer = frame.f_locals.get('expected', answer)
    frame = frame.f_back
print(answer)
""", WRONG),
    _forge("find the answer in the judge's stack", "same process", OUTSIDE, """
import inspect
found = [i.frame.f_locals['expected'] for i in inspect.stack(0) if 'expected' in i.frame.f_locals]
answer = found[0] if found else 0
print(answer)
"""),
    _forge("find the answer in the judge's globals", "same process", OUTSIDE, """
import sys
answer = 0
for m in list(sys.modules.values()):
    answer = getattr(m, 'EXPECTED', answer)
print(answer)
""", WRONG),
    _forge("find the answer among all objects", "same process", OUTSIDE, """
import gc
gc.unfreeze()
found = [o['expected'] for o in gc.get_objects() if type(o) is dict and 'expected' in o]
answer = found[0] if found else 0
print(answer)
""", WRONG),
    _forge("find who refers to the input", "same process", OUTSIDE, """
import gc, sys
cases = [o for o in gc.get_objects() if type(o) is tuple and len(o) == 2 and o[0] == '7']
answer = cases[0][1] if cases else 0
print(answer)
"""),
    _forge("change the judge's comparison", "same process", OUTSIDE, """
import sys
for m in list(sys.modules.values()):
    if hasattr(m, 'equal'): m.equal = lambda *_: True
answer = 0
print(answer)
"""),
    _forge("change the operator module", "same process, by operator", OUTSIDE, """
import operator
operator.eq = lambda *_: True
answer = 0
print(answer)
""", WRONG),
    _forge("change the answer in memory", "same process", OUTSIDE, """
import ctypes, gc, sys
answer = 0
for o in gc.get_objects():
    if type(o) is dict and 'expected' in o and type(o['expected']) is int:
        ctypes.memmove(id(o['expected']) + 16, id(1234567890123) + 16, 16)
        answer = 1234567890123
print(answer)
"""),
    _forge("wait in a profile for the judge's comparison", "same process", OUTSIDE, """
import sys
class Late(int):
    known = None
    def __eq__(self, other): return int(other) == Late.known
def profile(frame, event, argument):
    while frame and event == 'call':
        Late.known = frame.f_locals.get('expected', Late.known)
        frame = frame.f_back
sys.setprofile(profile)
answer = Late(0)
print(answer)
"""),
    _forge("change the judge's verdict when it is over", "same process, to a file", OUTSIDE, """
import atexit, os, sys
def late():
    for m in list(sys.modules.values()):
        if hasattr(m, 'VERDICT'): open(m.VERDICT, 'w').write('passed')
atexit.register(late)
answer = 0
print(answer)
"""),
    _forge("change it from a thread", "same process, to a file", OUTSIDE, """
import sys, threading, time
def late():
    for m in list(sys.modules.values()):
        if hasattr(m, 'VERDICT'):
            for _ in range(50):
                open(m.VERDICT, 'w').write('passed')
                time.sleep(0.01)
threading.Thread(target=late).start()
answer = 0
print(answer)
"""),
    _forge("change it as an object goes", "same process, to a file", OUTSIDE, """
import sys
class D:
    def __init__(self): self.places = [m.VERDICT for m in list(sys.modules.values()) if hasattr(m, 'VERDICT')]
    def __del__(self, open=open):
        for place in self.places: open(place, 'w').write('passed')
sys.modules['kept'] = D()
answer = 0
print(answer)
"""),
    # ------------------------------------------------------------------------ the judge asks for a function
    _forge("return what is equal to everything", "asks for a function", OUTSIDE, """
class Equal:
    __eq__ = lambda self, other: True
def answer(n): return Equal()
""", WRONG, "answer"),
    _forge("return after a look at the caller", "asks for a function", OUTSIDE, """
import sys
def answer(n):
    frame, found = sys._getframe(), 0
    while frame:
        found = frame.f_locals.get('expected', found)
        frame = frame.f_back
    return found
""", WRONG, "answer"),
    _forge("return a text that looks at the caller", "asks for a function, as text", OUTSIDE, """
import sys
class Text:
    def __str__(self):
        frame = sys._getframe(1)
        while frame:
            if 'expected' in frame.f_locals: return str(frame.f_locals['expected'])
            frame = frame.f_back
        return '0'
def answer(n): return Text()
""", WRONG, "answer"),
    _forge("change what compares what is returned", "asks for a function", OUTSIDE, """
import sys
def answer(n):
    for m in list(sys.modules.values()):
        if hasattr(m, 'equal'): m.equal = lambda *_: True
    return 0
""", WRONG, "answer"),
    _forge("leave instead of returning", "appended tests", STATUS, """
import sys
def answer(n): sys.exit(0)
answer(7)
""", FAILED, "answer"),
    # ---------------------------------------------------------------- tests appended to the program (exit status)
    _forge("leave before the tests", "appended tests", STATUS, "import sys\nsys.exit(0)", WRONG),
    _forge("leave at once before the tests", "appended tests", STATUS, "import os\nos._exit(0)", WRONG),
    _forge("leave by an exception", "appended tests", STATUS, "raise SystemExit", WRONG),
    _forge("leave from a handler", "appended tests", STATUS, "import atexit, os\natexit.register(os._exit, 0)\n"
    "answer = 0",
           WRONG),
    _forge("leave from an error's handler", "appended tests", STATUS,
           "import os, sys\nsys.excepthook = lambda *_: os._exit(0)\nanswer = 0", WRONG),
    _forge("make assertions pass", "appended tests", STATUS, """
import sys
class Equal(int):
    __eq__ = lambda self, other: True
answer = Equal(0)
""", WRONG),
    _forge("read the tests that stand behind it", "appended tests", STATUS, """
import re, sys
try:
    answer = int(re.search(r'assert answer == (\\d+)', open(sys.argv[0]).read())[1])
except Exception:
    answer = 0
print(answer)
"""),
    _forge("leave from C", "appended tests", STATUS, "import ctypes\nctypes.CDLL(None)._exit(0)", WRONG),
    # ------------------------------------------------------------------------------ pickled or evaluated answers
    _forge("be unpickled", "unpickled", BYTES, """
import os, pickle
class Evil:
    def __reduce__(self): return exec, ("import sys; sys.modules['__main__'].EXPECTED = 0",)
os.write(1, pickle.dumps((Evil(), 0)))
""", WRONG),
    _forge("be unpickled as an equal", "unpickled", BYTES, """
import os
# A pickle that asks builtins.eval for an object that equals all.
text = b"type('E', (), {'__eq__': lambda s, o: True})()"
os.write(1, b"(Nc" + b"builtins\\neval\\n(V" + text + b"\\ntRt.")
""", WRONG),
    _forge("be evaluated", "evaluated", BYTES, "print('globals()[\"EXPECTED\"]')", WRONG),
    _forge("be evaluated as an equal", "evaluated", BYTES,
           "print('type(\"E\", (), {\"__eq__\": lambda s, o: True})()')",
           WRONG),
    # ------------------------------------------------------------------------------ a verdict among the outputs
    _forge("print the verdict", "last line", STATUS, "print('verdict: passed')", WRONG),
    _forge("print the verdict as JSON", "JSON line", STATUS, "print('{\"passed\": true}')", WRONG),
    _forge("print the verdict, and hold back the judge's", "last line", STATUS,
           "import os\nprint('verdict: passed', flush=True)\nos._exit(0)", WRONG),
    _forge("print the mark that the judge prints", "mark", STATUS, "print('ALL TESTS PASSED')", WRONG),
    # ------------------------------------------------------------------------------------- a loose comparison
    _forge("print many answers", "contained", EXACT, "print(*range(100_000), sep='')\nprint(*'0123456789' * 9)",
           ends(V.WRONG_ANSWER, V.OUTPUT_LIMIT)),
    _forge("print nothing", "prefix", EXACT, "print('')", WRONG),
    _forge("print what compares with all", "float", EXACT, "print('nan')", WRONG),
    _forge("print a pattern", "pattern", EXACT, "print('.*')", WRONG),
    _forge("print a file pattern", "file pattern", EXACT, "print('*')", WRONG),
    _forge("hide from the comparison", "to the first NUL", EXACT, "print('\\0garbage')", WRONG),
    # ----------------------------------------------------------------------------- where answers could lie about
    _forge("find the answer in a file", "expected in a file", OUTSIDE, """
import os
try:
    print(open('expected.txt').read())
except OSError:
    print(0)
""", WRONG),
    _forge("find the answer in the environment", "expected in the environment", OUTSIDE, """
import os
print(os.environ.get('EXPECTED', 0))
""", WRONG),
    _forge("find the answer among the arguments", "expected among the arguments", OUTSIDE, """
import sys
print(sys.argv[-1])
""", WRONG),
    _forge("find the answer behind the input", "expected behind the input", OUTSIDE, """
import sys
print(sys.stdin.read().split()[-1])
""", WRONG),
    _forge("find the answer in a descriptor", "expected in a descriptor", OUTSIDE, """
import os
for fd in range(3, 200):
    try:
        data = os.pread(fd, 100, 0)
    except OSError:
        continue
    if data.strip().isdigit() and data.strip() != b'7': print(data.decode()); break
else:
    print(0)
"""),
    _forge("find the answer in its parent's memory", "forked judge", OUTSIDE, """
import gc
found = [o['expected'] for o in gc.get_objects() if type(o) is dict and 'expected' in o]
print(found[0] if found else 0)
""", WRONG),
    _forge("find the answer in its parent's text of the tests", "tests in the module", OUTSIDE, """
import sys
print(*[vars(m)['EXPECTED'] for m in list(sys.modules.values()) if 'EXPECTED' in vars(m)])
""", WRONG),
)  # fmt: skip
