"""What was found by reading with bad intent, and by honest programs that were not understood."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from codeseq_ray.ports import Execution, Limits
from codeseq_ray.records import VerdictKind as V
from codeseq_ray.sandbox import SandboxExecutor, watch
from codeseq_ray.sandbox.unconfined import run_unconfined


def outcome(executor: SandboxExecutor, source: str, text: str = "7\n", entry: str | None = None) -> str:
    run = executor.run(Execution(source, (text,), entry=entry)).runs[0]
    return f"{run.kind} {run.stdout.strip()}"


# ------------------------------------------------------------------------------------------- the worker's own


def test_an_interrupted_run_leaves_no_answer_behind_for_the_next(
    executor: SandboxExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor.run(Execution("print(1)", ("",)))
    zygote = executor._zygotes[0]
    number, asked = zygote._number, []

    def interrupted(which: bytes) -> int:
        asked.append(which)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return number(which)

    monkeypatch.setattr(zygote, "_number", interrupted)
    with pytest.raises(KeyboardInterrupt):
        executor.run(Execution("print(1)", ("", ""), one_process_per_input=True))
    assert outcome(executor, "print(2)") == "passed 2"
    assert executor._zygotes[0].pid != zygote.pid


def test_words_that_nobody_asked_for_do_not_hold_the_worker(executor: SandboxExecutor) -> None:
    # It says that it is done whenever its stdin changes, and never takes the word to go on.
    source = """
import os
last = None
while True:
    now = os.pread(103, 100, 0)
    if now != last:
        last = now
        os.write(100, b"=\\0")
"""
    began = time.monotonic()
    inputs = tuple(f"{n}\n" for n in range(2000))
    runs = executor.run(Execution(source, inputs, Limits(cpu_seconds=3.0))).runs
    assert time.monotonic() - began < 15
    assert runs[-1].kind in (V.SECURITY_VIOLATION, V.TIME_LIMIT)


def test_what_all_inputs_print_together_is_bounded(executor: SandboxExecutor) -> None:
    limits = Limits(output_bytes=1 << 20, program_output_bytes=3 << 20)
    runs = executor.run(Execution("print('x' * 1_000_000)", ("",) * 10, limits)).runs
    assert [run.kind for run in runs] == [V.PASSED] * 3 + [V.OUTPUT_LIMIT]


def test_a_worker_that_ignores_its_children_still_gets_verdicts() -> None:
    code = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from codeseq_ray.ports import Execution
from codeseq_ray.sandbox import SandboxExecutor
with SandboxExecutor() as executor:
    print([executor.run(Execution("import os; os._exit(0)", ("",))).runs[0].kind.value for _ in range(5)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == str(["passed"] * 5), done.stderr


def test_a_time_in_which_the_worker_was_stopped_is_not_the_programs_fault(
    executor: SandboxExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are stopped, as by a freezer, for longer than the program may sleep."""
    monkeypatch.setattr(watch, "_QUIET_SECONDS", 0.3)
    zygote = executor.run(Execution("print(1)", ("",))) and executor._zygotes[0].pid
    code = f"""
import os, signal, sys, time
time.sleep(0.3)
kids = open("/proc/{zygote}/task/{zygote}/children").read().split()
for pid in [{os.getpid()}, *map(int, kids)]: os.kill(pid, signal.SIGSTOP)
time.sleep(3)
for pid in [*map(int, kids), {os.getpid()}]: os.kill(pid, signal.SIGCONT)
"""
    source = "n = 0\nfor i in range(12_000_000): n += i\nprint(n)"
    with subprocess.Popen([sys.executable, "-c", code]) as freezer:
        run = executor.run(Execution(source, ("",), Limits(cpu_seconds=4.0))).runs[0]
        freezer.wait(20)
    assert run.kind is V.PASSED, run
    assert threading.active_count() >= 1
    assert signal.getsignal(signal.SIGCONT) is not None


# ----------------------------------------------------------------------------------------- honest programs

DATACLASS = """from __future__ import annotations
from dataclasses import dataclass
@dataclass
class Point:
    x: int
def solve(n):
    return Point(n).x
"""
NESTED = """
import threading
def outer():
    threading.Thread(target=lambda: (sum(range(300_000)), print(input()))).start()
threading.Thread(target=outer).start()
"""
GOING = """
name = "kept"
class Last:
    def __del__(self): print(name)
last = Last()
"""


def test_a_dataclass_with_late_annotations_can_be_called(executor: SandboxExecutor) -> None:
    assert outcome(executor, DATACLASS, entry="solve") == "passed 7"
    trusted = Execution(DATACLASS, ("7\n",), entry="solve", trusted=True)
    assert run_unconfined(trusted).runs[0].stdout == "7\n"


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        (NESTED, "7"),
        (GOING, "kept"),
        ("\ufeffprint(input())", "7"),
        ("import fileinput\nprint(sum(int(line) for line in fileinput.input()))", "7"),
    ],
)
def test_it_ends_as_in_a_plain_interpreter(executor: SandboxExecutor, source: str, printed: str) -> None:
    assert outcome(executor, source) == f"passed {printed}"


def test_to_show_a_deep_recursion_takes_no_time_that_counts(executor: SandboxExecutor) -> None:
    source = (
        "import sys\nsys.setrecursionlimit(50_000)\n"
        + "# a line\n" * 2000
        + "def f(n): return f(n + 1)\nf(0)"
    )
    run = executor.run(Execution(source, ("",))).runs[0]
    assert run.kind is V.RUNTIME_ERROR
    assert "RecursionError" in run.stderr_tail
    assert run.cpu_ms < 2000


def test_a_traceback_shows_the_line_that_the_compiler_means(executor: SandboxExecutor) -> None:
    run = executor.run(Execution("a = '\x0c'\nb = '\u2028'\nraise ValueError(a)  # here", ("",))).runs[0]
    assert "# here" in run.stderr_tail
