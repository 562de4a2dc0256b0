"""Odd programs and the verdict that each deserves, judged end to end in the real sandbox.

The verdicts were written down before any of these programs was run. What they follow from: every case is a run of its
own, as if by a plain interpreter; all that comes out on stdout is the answer, compared exactly but for white space at
the end of lines and of the whole; ending with another status than 0 is an error, whatever was printed before.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Limits
from codeseq_ray.records import Case, Program, VerdictKind
from codeseq_ray.records import VerdictKind as V
from codeseq_ray.sandbox import SandboxExecutor

LIMITS = Limits(cpu_seconds=0.7, memory_mb=256, output_bytes=200_000)


def cases(*pairs: tuple[str, str]) -> tuple[Case, ...]:
    return tuple(Case(input=given, output=expected) for given, expected in pairs)


SQUARES = cases(("3", "9"), ("12", "144"), ("0", "0"))
LINES = cases(("2", "1\n4"), ("3", "1\n4\n9"))
PAIRS = cases(("3", "3 9"), ("12", "12 144"))
LONG = cases(("100000", "7" * 100_000))
LONG_INPUT = cases(("7" * 100_000, "7" * 99_999 + "8"))


@dataclass(frozen=True)
class Odd:
    name: str
    source: str
    deserves: VerdictKind
    why: str
    cases: tuple[Case, ...] = SQUARES


N = "n = int(input())\n"
RIGHT = N + "print(n * n)\n"

TABLE = (
    # ------------------------------------------------------------------------------ prompts and other words
    Odd("asks for its input", "n = int(input('n? '))\nprint(n * n)", V.WRONG_ANSWER,
        "without a terminal the prompt goes to stdout and is part of the answer"),
    Odd("asks on stderr", "import sys\nprint('n?', file=sys.stderr)\n" + RIGHT, V.PASSED,
        "stderr is no answer"),
    Odd("labels its answer", N + "print('Answer:', n * n)", V.WRONG_ANSWER, "the label is part of the answer"),
    Odd("tells its steps before the answer", N + "print('squaring', n)\nprint(n * n)", V.WRONG_ANSWER,
        "one line too many"),
    Odd("floods stderr", "import sys\nsys.stderr.write('e' * 1_000_000)\n" + RIGHT, V.PASSED,
        "stderr is no answer, however long"),
    Odd("colours its answer", N + r"print(f'\033[1m{n * n}\033[0m')", V.WRONG_ANSWER,
        "escape codes are characters like any other"),
    # ------------------------------------------------------------------------------------------ extra input
    Odd("reads a line too many first", "n = int(input())\nm = input()\nprint(n * n)", V.RUNTIME_ERROR,
        "EOFError"),
    Odd("reads a line too many after its answer", RIGHT + "input()", V.RUNTIME_ERROR,
        "the answer was right, but the program ended with an error"),
    Odd("reads until there is no more", RIGHT + "try:\n    while True: input()\nexcept EOFError: pass", V.PASSED,
        "it knows that input ends"),
    Odd("answers in an endless loop", "while True:\n    n = int(input())\n    print(n * n)", V.RUNTIME_ERROR,
        "nobody catches the EOFError"),
    Odd("reads all of stdin", "import sys\nn = int(sys.stdin.read())\nprint(n * n)", V.PASSED,
        "white space round an integer is no matter of the judge's"),
    Odd("takes an empty line for a number", "import sys\nn = int(sys.stdin.readline())\n"
        "m = int(sys.stdin.readline())\nprint(n * n)", V.RUNTIME_ERROR, "ValueError: '' is no integer"),
    Odd("reads each line as a case", "import sys\nfor line in sys.stdin: print(int(line) ** 2)", V.PASSED,
        "one line, one answer"),
    Odd("waits for the user to press Enter", RIGHT + "input('Press Enter')", V.RUNTIME_ERROR, "EOFError"),
    Odd("reads nothing and answers the first case", "print(9)", V.WRONG_ANSWER, "right for one case of three"),
    # ------------------------------------------------------------------------------------------ white space
    Odd("prints blanks at the end", N + "print(n * n, '   ')", V.PASSED, "white space at the end of a line"),
    Odd("prints a tab at the end", N + r"print(n * n, end='\t\n')", V.PASSED, "white space at the end of a line"),
    Odd("prints empty lines at the end", N + r"print(n * n, end='\n\n \n\n')", V.PASSED,
        "white space at the end of the whole"),
    Odd("prints no line end", N + "print(n * n, end='')", V.PASSED, "nothing at the end is as good"),
    Odd("prints a blank in front", N + "print('', n * n)", V.WRONG_ANSWER, "only the end is trimmed"),
    Odd("prints an empty line in front", N + r"print('\n', n * n, sep='')", V.WRONG_ANSWER,
        "only the end is trimmed"),
    Odd("prints CRLF", N + r"print(n * n, end='\r\n')", V.PASSED, "CR is white space at the end of its line"),
    Odd("prints lines with CRLF", N + r"for i in range(n): print((i + 1) ** 2, end='\r\n')", V.PASSED,
        "CR is white space at the end of its line", LINES),
    Odd("prints blanks at the end of every line", N + "for i in range(n): print((i + 1) ** 2, ' ')", V.PASSED,
        "white space at the end of a line", LINES),
    Odd("parts its lines by CR alone", N + r"print(*((i + 1) ** 2 for i in range(n)), sep='\r')", V.WRONG_ANSWER,
        "CR within a line parts nothing: this is one line", LINES),
    Odd("parts its lines by form feeds", N + r"print(*((i + 1) ** 2 for i in range(n)), sep='\f')",
        V.WRONG_ANSWER, "a form feed within a line parts nothing: this is one line", LINES),
    Odd("puts an empty line between", N + r"print(*((i + 1) ** 2 for i in range(n)), sep='\n\n')",
        V.WRONG_ANSWER, "an empty line within is a line", LINES),
    Odd("prints all on one line", N + "print(*((i + 1) ** 2 for i in range(n)))", V.WRONG_ANSWER,
        "a blank is no line end", LINES),
    Odd("puts two blanks between", N + "print(n, n * n, sep='  ')", V.WRONG_ANSWER,
        "white space within a line counts", PAIRS),
    Odd("puts a tab between", N + r"print(n, n * n, sep='\t')", V.WRONG_ANSWER, "a tab is no blank", PAIRS),
    # ------------------------------------------------------------------------------------ forms of a number
    Odd("prints a float", N + "print(n * n / 1)", V.WRONG_ANSWER, "9.0 is not 9: text is compared, not numbers"),
    Odd("prints a list", N + "print([n * n])", V.WRONG_ANSWER, "[9] is not 9"),
    Odd("prints a sign", N + "print(f'{n * n:+}')", V.WRONG_ANSWER, "+9 is not 9"),
    Odd("prints a byte-order mark", N + r"print('\ufeff' + str(n * n))", V.WRONG_ANSWER,
        "it is in front, and no white space"),
    Odd("ends its answer with NUL", N + r"print(n * n, end='\0')", V.WRONG_ANSWER, "NUL is no white space"),
    Odd("prints a byte that is no UTF-8", N + r"import sys; sys.stdout.buffer.write(b'%d\xff' % (n * n))",
        V.WRONG_ANSWER, "a byte too many"),
    Odd("corrects itself by backspaces", N + r"print('0\b' + str(n * n))", V.WRONG_ANSWER,
        "nothing takes back what was printed"),
    # -------------------------------------------------------------------------------- too often, too much
    Odd("prints twice", RIGHT + "print(n * n)", V.WRONG_ANSWER, "one line too many"),
    Odd("prints twice on one line", N + "print(n * n, n * n)", V.WRONG_ANSWER, "one number too many"),
    Odd("prints in pieces", N + "for d in str(n * n): print(d, end='', flush=True)", V.PASSED,
        "how it comes does not matter"),
    Odd("prints 10^5 digits as text", "print('7' * int(input()))", V.PASSED, "the answer is that long", LONG),
    Odd("prints an integer of 10^5 digits", "print((10 ** int(input()) - 1) // 9 * 7)", V.PASSED,
        "integers have any size", LONG),
    Odd("reads an integer of 10^5 digits", "print(int(input()) + 1)", V.PASSED, "integers have any size",
        LONG_INPUT),
    Odd("prints 10^5 digits, the last one wrong", "print('7' * (int(input()) - 1) + '8')", V.WRONG_ANSWER,
        "all of it is compared", LONG),
    Odd("prints 10^5 digits and one more", "print('7' * (int(input()) + 1))", V.WRONG_ANSWER,
        "all of it is compared", LONG),
    Odd("prints without end", N + "while True: print(n * n)", V.OUTPUT_LIMIT, "over the limit before its time"),
    Odd("prints more blanks than it may", N + "print(n * n, ' ' * 1_000_000)", V.OUTPUT_LIMIT,
        "the limit counts bytes, before anything is trimmed"),
    # ------------------------------------------------------------------------------------------ early exits
    Odd("leaves by sys.exit", RIGHT + "import sys; sys.exit()\nprint('never')", V.PASSED, "status 0"),
    Odd("leaves by exit in a function", "def main():\n    n = int(input())\n    print(n * n)\n    exit(0)\n"
        "    print('never')\nmain()", V.PASSED, "status 0"),
    Odd("leaves before its answer", "import sys\nn = int(input())\nsys.exit(0)\nprint(n * n)", V.WRONG_ANSWER,
        "status 0, and nothing was printed"),
    Odd("leaves with status 1", RIGHT + "raise SystemExit(1)", V.RUNTIME_ERROR,
        "the answer was right, but the program says that it failed"),
    Odd("leaves with a word", RIGHT + "raise SystemExit('done')", V.RUNTIME_ERROR, "a word is status 1"),
    Odd("leaves with an empty word", RIGHT + "raise SystemExit('')", V.RUNTIME_ERROR,
        "an empty word is a word: status 1"),
    Odd("leaves with False", RIGHT + "raise SystemExit(False)", V.PASSED, "False is 0"),
    Odd("leaves with status 256", RIGHT + "raise SystemExit(256)", V.PASSED, "the kernel keeps 8 bits: 0"),
    Odd("leaves with status 2**64", RIGHT + "raise SystemExit(2 ** 64)", V.RUNTIME_ERROR,
        "no C integer holds it; the interpreter then ends with 255"),
    Odd("leaves by os._exit, output unwritten", RIGHT + "import os; os._exit(0)", V.WRONG_ANSWER,
        "what lay in the buffer is lost"),
    Odd("leaves by os._exit, output written", N + "print(n * n, flush=True)\nimport os; os._exit(0)", V.PASSED,
        "status 0 and the answer is out"),
    Odd("leaves a thread by sys.exit", "import sys, threading\nt = threading.Thread(target=sys.exit, args=(1,))\n"
        "t.start(); t.join()\n" + RIGHT, V.PASSED, "only the thread ends"),
    Odd("fails in a thread", "import threading\nt = threading.Thread(target=lambda: 1 // 0)\nt.start()\n" + RIGHT,
        V.PASSED, "the thread's traceback is on stderr, the status is 0"),
    Odd("fails after its answer", RIGHT + "assert n < 0", V.RUNTIME_ERROR, "status 1, whatever was printed"),
    Odd("answers when it is over", N + "import atexit; atexit.register(lambda: print(n * n))", V.PASSED,
        "what runs at the end belongs to the run"),
    Odd("fails when it is over", RIGHT + "import atexit; atexit.register(lambda: 1 // 0)", V.PASSED,
        "an interpreter prints that traceback and ends with 0 all the same"),
    Odd("closes its stdout", RIGHT + "import sys; sys.stdout.close()", V.PASSED, "closing writes what is buffered"),
    Odd("closes descriptor 1 too early", RIGHT + "import os; os.close(1)", V.RUNTIME_ERROR,
        "the answer cannot be written any more; an interpreter ends with 120 then"),
    Odd("replaces its stdout and forgets it", "import sys\nsys.stdout = open(1, 'w', closefd=False)\n" + RIGHT,
        V.PASSED, "the file is flushed when it goes"),
    # -------------------------------------------------------------------------------------- threads left behind
    Odd("leaves a thread that answers", N + "import threading\n"
        "threading.Thread(target=lambda: print(n * n)).start()", V.PASSED, "an interpreter waits for its threads"),
    Odd("leaves a daemon thread that blocks", "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n" + RIGHT, V.PASSED,
        "daemon threads end with the program"),
    Odd("leaves a daemon thread that computes", "import threading\ndef spin():\n    while True: pass\n"
        "threading.Thread(target=spin, daemon=True).start()\n" + RIGHT, V.PASSED,
        "daemon threads end with the program"),
    Odd("leaves a daemon thread that sleeps, then prints", "import threading, time\ndef late():\n"
        "    time.sleep(60)\n    print('late', flush=True)\n"
        "threading.Thread(target=late, daemon=True).start()\n" + RIGHT, V.PASSED,
        "the program is over long before the minute is"),
    Odd("leaves a thread that waits for ever", "import threading\n"
        "threading.Thread(target=threading.Event().wait).start()\n" + RIGHT, V.TIME_LIMIT,
        "the program never ends, right answer or not"),
    Odd("leaves a timer of an hour", "import threading\nthreading.Timer(3600, print).start()\n" + RIGHT,
        V.TIME_LIMIT, "an interpreter would wait for the hour to pass"),
    Odd("leaves a pool open", N + "from concurrent.futures import ThreadPoolExecutor\n"
        "print(ThreadPoolExecutor(4).submit(pow, n, 2).result())", V.PASSED, "idle workers end with the program"),
    Odd("leaves a queue's worker waiting", N + "import queue, threading\nq = queue.Queue()\ndef work():\n"
        "    while True:\n        print(q.get() ** 2); q.task_done()\n"
        "threading.Thread(target=work, daemon=True).start()\nq.put(n); q.join()", V.PASSED,
        "the answer is out when join returns"),
    Odd("computes in a thread with a deep stack", "import sys, threading\nsys.setrecursionlimit(10 ** 6)\n"
        "threading.stack_size(1 << 26)\ndef square(n, k=0): return 0 if k == n else n + square(n, k + 1)\n"
        "t = threading.Thread(target=lambda: print(square(int(input()))))\nt.start(); t.join()", V.PASSED,
        "an ordinary way to recurse deeply", cases(("3", "9"), ("5000", "25000000"))),
    # -------------------------------------------------------------------------------------- time and memory
    Odd("sleeps before it answers", "import time; time.sleep(2)\n" + RIGHT, V.PASSED,
        "sleeping takes no CPU time"),
    Odd("never answers", N + "while n >= 0: pass", V.TIME_LIMIT, "it uses up its CPU time"),
    Odd("shields its loop from everything", "while True:\n    try:\n        while True: pass\n"
        "    except BaseException: pass", V.TIME_LIMIT, "no exception is what stops it"),
    Odd("eats all memory", N + "a = []\nwhile True: a.append('x' * 1_000_000 + str(len(a)))", V.MEMORY_LIMIT,
        "MemoryError that nobody catches"),
    Odd("eats all memory and recovers", "try:\n    a = [0] * 10 ** 12\nexcept MemoryError:\n    pass\n" + RIGHT,
        V.PASSED, "it did without"),
    Odd("recurses without end", "def f(n): return f(n + 1)\nf(0)", V.RUNTIME_ERROR, "RecursionError"),
    Odd("is no program", "Sure! Here is the code:\n" + RIGHT, V.RUNTIME_ERROR, "SyntaxError"),
    Odd("is fenced in Markdown", "```python\n" + RIGHT + "```\n", V.RUNTIME_ERROR, "SyntaxError"),
    Odd("is empty", "", V.WRONG_ANSWER, "an empty program ends well and prints nothing"),
    # -------------------------------------------------------------------------------- one case and the next
    Odd("spoils a module for its next run", N + "import math\nprint(math.prod([n, n]))\ndel math.prod", V.PASSED,
        "every case is a run of its own"),
    Odd("counts its runs", N + "import builtins\nbuiltins.runs = getattr(builtins, 'runs', 0) + 1\n"
        "print(n * n * builtins.runs)", V.PASSED, "every case is a run of its own"),
    Odd("changes the rules of numbers", N + "import decimal\nc = decimal.getcontext()\nc.prec -= 26\n"
        "print(int(decimal.Decimal(n) * n) if n < 10 else 144)", V.PASSED, "every case is a run of its own"),
    Odd("is wrong on the last case alone", N + "print(n * n or 1)", V.WRONG_ANSWER, "all cases count"),
    # ----------------------------------------------------------------------------------- the world outside
    Odd("keeps a log file", "open('log.txt', 'w').write('started')\n" + RIGHT, V.SECURITY_VIOLATION,
        "programs may not write files"),
    Odd("reads a file if it is there", "try:\n    n = int(open('input.txt').read())\nexcept OSError:\n"
        "    n = int(input())\nprint(n * n)", V.PASSED, "it takes no for an answer"),
    Odd("needs a file", "n = int(open('input.txt').read())\nprint(n * n)", V.RUNTIME_ERROR,
        "OSError that nobody catches"),
    Odd("asks a shell", "import subprocess\nn = int(input())\n"
        "print(subprocess.check_output(['expr', str(n), '*', str(n)], text=True))", V.SECURITY_VIOLATION,
        "programs may not start processes"),
    Odd("clears the screen by hand", N + r"print('\033[2J', end='')" + "\nprint(n * n)", V.WRONG_ANSWER,
        "escape codes are characters like any other"),
    Odd("sets a locale that is not there", "import locale\ntry: locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')\n"
        "except locale.Error: pass\n" + RIGHT, V.PASSED, "it takes no for an answer"),
)  # fmt: skip

SLEEP = "sleeping returns at once in the sandbox, so that the thread prints before the program is over"
DIFFERS = {"leaves a daemon thread that sleeps, then prints": SLEEP}
"""Where the house says something else than the table, and why."""


def rows(differs: dict[str, str], *without: VerdictKind) -> list[ParameterSet]:
    """The table. Rows where the house is known to differ must go on doing so, or their note goes."""
    return [
        pytest.param(
            odd,
            id=odd.name,
            marks=[pytest.mark.xfail(reason=differs[odd.name], strict=True)] if odd.name in differs else [],
        )
        for odd in TABLE
        if odd.deserves not in without
    ]


@pytest.mark.parametrize("odd", rows(DIFFERS))
async def test_an_odd_program_gets_what_it_deserves(executor: SandboxExecutor, odd: Odd) -> None:
    verdict = await judge(executor, Program(source=odd.source), odd.cases, Manner(limits=LIMITS))
    assert verdict.kind is odd.deserves, f"{odd.why}; {verdict}"


# Out of time is what a program is on its first case already: nothing is shared with another.
@pytest.mark.parametrize("odd", rows(DIFFERS, V.TIME_LIMIT))
async def test_so_it_does_with_a_process_for_each_case(executor: SandboxExecutor, odd: Odd) -> None:
    manner = Manner(limits=LIMITS, one_process_per_case=True)
    verdict = await judge(executor, Program(source=odd.source), odd.cases, manner)
    assert verdict.kind is odd.deserves, f"{odd.why}; {verdict}"


# What only a sandbox forbids cannot be asked of a plain interpreter.
@pytest.mark.slow
@pytest.mark.parametrize("odd", rows({}, V.OUTPUT_LIMIT, V.MEMORY_LIMIT, V.SECURITY_VIOLATION))
def test_the_table_says_what_a_plain_interpreter_shows(tmp_path: Path, odd: Odd) -> None:
    (tmp_path / "program.py").write_text(odd.source)
    command = [sys.executable, "-I", "-X", "int_max_str_digits=0", "program.py"]
    shown = V.PASSED
    for case in odd.cases:
        text = (case.input + "\n").encode()
        try:
            ended = subprocess.run(command, cwd=tmp_path, input=text, capture_output=True, timeout=10)
        except subprocess.TimeoutExpired:
            shown = V.TIME_LIMIT
            break
        if ended.returncode:
            shown = V.RUNTIME_ERROR
            break
        lines = [line.rstrip() for line in ended.stdout.rstrip().split(b"\n")]
        if lines != case.output.encode().split(b"\n"):
            shown = V.WRONG_ANSWER
            break
    assert shown is odd.deserves
