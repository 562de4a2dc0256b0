"""What each way to end, to fail and to talk is called."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeseq_ray.ports import Execution, Limits, Run
from codeseq_ray.records import VerdictKind as V
from codeseq_ray.sandbox import SandboxExecutor

SMALL = Limits(cpu_seconds=0.5, memory_mb=192, output_bytes=10_000)


class Impatient(Limits):
    @property
    def wall_seconds(self) -> float:
        return 0.6


def one(executor: SandboxExecutor, source: str, text: str = "7\n", limits: Limits = SMALL) -> Run:
    report = executor.run(Execution(source, (text,), limits))
    assert len(report.runs) == 1
    return report.runs[0]


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("print(int(input()) + 1)", "8\n"),
        ("import sys\nprint(sys.stdin.read())", "7\n\n"),
        ("import sys\nfor line in sys.stdin: print(line.strip())", "7\n"),
        ("import sys\nprint(sys.stdin.buffer.readline())", "b'7\\n'\n"),
        ("print(open(0).read())", "7\n\n"),
        ("import os\nos.write(1, os.read(0, 100))", "7\n"),
        ("import os\nprint(os.fstat(0).st_size)", "2\n"),
        ("import sys\nsys.stdout.buffer.write(b'ab')", "ab"),
        ("import os\nprint('first')\nimport sys; sys.stdout.flush()\nos.write(1, b'second')", "first\nsecond"),
        ("n = int(input('n? '))\nprint(n)", "n? 7\n"),
        ("if __name__ == '__main__': print('main')", "main\n"),
        ("import sys\nprint(7); sys.exit(0)", "7\n"),
        ("import sys\nprint(7); sys.exit()", "7\n"),
        ("print(7); exit()", "7\n"),
        ("print(7); quit(0)", "7\n"),
        ("import os, sys\nprint(7); sys.stdout.flush(); os._exit(0)", "7\n"),
        ("print(len(str(10 ** 20_000 + int(input()))))", "20001\n"),
        ("import time\ntime.sleep(1000)\nprint('slept')", "slept\n"),
        ("import atexit, io, os\nb = io.StringIO()\natexit.register(lambda: os.write(1, b.getvalue().encode()))\n"
         "print('late', file=b)", "late\n"),
        ("import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer)\nprint('wrapped')", "wrapped\n"),
        ("from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
         "print(P(3).x)", "3\n"),
        ("def f(): return g()\ndef g(): return 5\nprint(f())", "5\n"),
        (
         "try:\n    import numpy\nexcept ModuleNotFoundError as e:\n    print(e)", "No module named 'numpy'\n"),
        ("import threading\nt = threading.Thread(target=lambda: print('thread'))\nt.start()", "thread\n"),
        ("import sys, threading\nthreading.stack_size(1 << 26)\nsys.setrecursionlimit(10**6)\n"
         "def d(n): return 0 if n == 0 else 1 + d(n - 1)\n"
         "t = threading.Thread(target=lambda: print(d(50_000)))\nt.start(); t.join()", "50000\n"),
        ("from concurrent.futures import ThreadPoolExecutor\np = ThreadPoolExecutor(2)\n"
         "print(sum(p.map(abs, [-1, -2])))", "3\n"),
        ("import math, itertools, functools, fractions, collections, decimal, re, bisect, heapq, random, operator,"
         " string, typing, dataclasses, statistics, cmath, numbers, array, copy, textwrap, time, io, os, json\n"
         "print(fractions.Fraction(1, 3) + 1, decimal.Decimal(1) / 8)", "4/3 0.125\n"),
    ],
)  # fmt: skip
def test_a_program_that_ends_well_passes_with_what_it_printed(
    executor: SandboxExecutor, source: str, printed: str
) -> None:
    run = one(executor, source)
    assert (run.kind, run.stdout) == (V.PASSED, printed), run.stderr_tail


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        ("while True: pass", V.TIME_LIMIT, ""),
        ("import time\nwhile True: time.sleep(1)", V.TIME_LIMIT, ""),
        ("x = 10 ** 10 ** 10", V.TIME_LIMIT, ""),
        ("import threading\n[threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start() for _ in 'ab']",
         V.TIME_LIMIT, ""),
        ("a = []\nwhile True: a.append(bytes(10**6))", V.MEMORY_LIMIT, "MemoryError"),
        ("x = [0] * 10**12", V.MEMORY_LIMIT, "MemoryError"),
        ("s = 'a'\nwhile True: s += s", V.MEMORY_LIMIT, "MemoryError"),
        ("print('x' * 10**6)", V.OUTPUT_LIMIT, ""),
        ("while True: print('spam')", V.OUTPUT_LIMIT, ""),
        ("print(1 // 0)", V.RUNTIME_ERROR, "ZeroDivisionError"),
        ("def f(n):\n    return g(n)\ndef g(n):\n    raise ValueError(n)\nf(3)", V.RUNTIME_ERROR, "line 4, in g"),
        ("input(); input()", V.RUNTIME_ERROR, "EOFError"),
        ("def f(): f()\nf()", V.RUNTIME_ERROR, "RecursionError"),
        ("print(", V.RUNTIME_ERROR, "SyntaxError"),
        ("print(1)\0", V.RUNTIME_ERROR, "null bytes"),
        ("print('\ud800')", V.RUNTIME_ERROR, "surrogates"),
        ("import sys\nsys.exit(3)", V.RUNTIME_ERROR, "SystemExit: 3"),
        ("import sys\nsys.exit('no')", V.RUNTIME_ERROR, "SystemExit: no"),
        ("import os\nos._exit(3)", V.RUNTIME_ERROR, "exit status 3"),
        ("raise KeyboardInterrupt", V.RUNTIME_ERROR, "KeyboardInterrupt"),
        ("import os\nos.abort()", V.RUNTIME_ERROR, "killed by SIG"),
        ("import ctypes\nctypes.string_at(0)", V.RUNTIME_ERROR, "killed by SIGSEGV"),
        ("import sys\nsys.stderr.write('e' * 100_000)\n1 / 0", V.RUNTIME_ERROR, "ZeroDivisionError"),
        ("class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", V.RUNTIME_ERROR, "E"),
        ("open('/nowhere')", V.RUNTIME_ERROR, "PermissionError"),
        ("import os\nos.fork()", V.SECURITY_VIOLATION, "forbidden system call"),
    ],
)  # fmt: skip
def test_a_program_that_fails_is_called_what_it_did(
    executor: SandboxExecutor, source: str, kind: V, says: str
) -> None:
    run = one(executor, source)
    assert run.kind is kind, run
    assert says in run.stderr_tail
    assert len(run.stderr_tail) < 5000
    assert len(run.stdout) <= SMALL.output_bytes


def test_time_is_the_childs_cpu_and_not_the_walls(executor: SandboxExecutor) -> None:
    began = time.monotonic()
    run = one(executor, "while True: pass", limits=Limits(cpu_seconds=0.3))
    assert run.kind is V.TIME_LIMIT
    # How far past the limit it is stopped depends on when the watcher gets a core; not by multiples, though.
    assert 300 <= run.cpu_ms < 3000
    assert time.monotonic() - began < 30
    quick = one(executor, "print(1)", limits=Limits(cpu_seconds=0.3))
    assert quick.kind is V.PASSED
    assert 0 < quick.cpu_ms < 300


@pytest.mark.parametrize(
    "source",
    [
        "import threading\nk = threading.Lock()\nk.acquire(); k.acquire()",
        "import os\nos.read(100, 1)",
        "x = sum(range(3_000_000))\nimport threading\nthreading.Event().wait()",
    ],
)
def test_a_program_that_waits_for_itself_is_soon_out_of_time(executor: SandboxExecutor, source: str) -> None:
    began = time.monotonic()
    run = one(executor, source)
    assert run.kind is V.TIME_LIMIT
    assert "never comes" in run.stderr_tail
    assert time.monotonic() - began < SMALL.wall_seconds / 2


def test_a_program_that_only_lacks_wall_time_is_not_judged(executor: SandboxExecutor) -> None:
    run = one(executor, "while True: pass", limits=Impatient(cpu_seconds=100.0))
    assert run.kind is V.INFRASTRUCTURE


def test_inputs_share_a_process_and_each_keeps_its_own_output(executor: SandboxExecutor) -> None:
    source = (
        "import sys\nn = int(input())\nsys.modules.setdefault('seen', []).append(n)\n"
        "print(n, len(sys.modules['seen']))"
    )
    inputs = tuple(f"{n}\n" for n in range(5))
    shared = executor.run(Execution(source, inputs))
    assert [r.stdout for r in shared.runs] == [f"{n} {n + 1}\n" for n in range(5)]
    apart = executor.run(Execution(source, inputs, one_process_per_input=True))
    assert [r.stdout for r in apart.runs] == [f"{n} 1\n" for n in range(5)]


def test_globals_do_not_survive_from_one_input_to_the_next(executor: SandboxExecutor) -> None:
    source = "try:\n    x += 1\nexcept NameError:\n    x = 0\nprint(x)"
    report = executor.run(Execution(source, ("", "", "")))
    assert [r.stdout for r in report.runs] == ["0\n"] * 3


def test_an_exception_on_one_input_leaves_the_others_their_run(executor: SandboxExecutor) -> None:
    report = executor.run(Execution("print(1 // int(input()))", ("1", "0", "1")))
    assert [r.kind for r in report.runs] == [V.PASSED, V.RUNTIME_ERROR, V.PASSED]


def test_what_ends_the_process_ends_the_report_unless_each_input_has_its_own(
    executor: SandboxExecutor,
) -> None:
    source = "n = int(input())\nwhile n == 1: pass\nprint(n)"
    shared = executor.run(Execution(source, ("0", "1", "2"), SMALL))
    assert [r.kind for r in shared.runs] == [V.PASSED, V.TIME_LIMIT]
    apart = executor.run(Execution(source, ("0", "1", "2"), SMALL, one_process_per_input=True))
    assert [r.kind for r in apart.runs] == [V.PASSED, V.TIME_LIMIT, V.PASSED]


def test_leaving_by_os_exit_0_costs_a_program_nothing(executor: SandboxExecutor) -> None:
    source = "import os\nos.write(1, input().encode())\nos._exit(0)"
    report = executor.run(Execution(source, ("1", "2", "3")))
    assert [(r.kind, r.stdout) for r in report.runs] == [(V.PASSED, "1"), (V.PASSED, "2"), (V.PASSED, "3")]


def test_no_input_no_run(executor: SandboxExecutor) -> None:
    assert executor.run(Execution("print(1)", ())).runs == ()


def test_a_long_program_and_a_long_input_go_through(executor: SandboxExecutor) -> None:
    source = "#" + "x" * 2_000_000 + "\nimport sys\nprint(len(sys.stdin.read()))"
    assert one(executor, source, "y" * 3_000_000, Limits()).stdout == "3000000\n"


def test_the_hash_seed_decides_the_order_of_sets_and_of_random(executor: SandboxExecutor) -> None:
    source = "import random\nprint({chr(97 + i) * 3 for i in range(20)}, random.random())"
    outputs = {
        seed: [executor.run(Execution(source, ("",), hash_seed=seed)).runs[0].stdout for _ in range(2)]
        for seed in (0, 1, 2)
    }
    assert all(first == second for first, second in outputs.values())
    assert len({first for first, _ in outputs.values()}) == 3
    assert len(executor._zygotes) <= 2


def test_the_walls_are_named(executor: SandboxExecutor) -> None:
    walls = executor.run(Execution("print(1)", ("",))).walls
    assert walls[0].startswith("landlock:")
    assert walls[1:] == ("seccomp", "rlimits")


async def test_execute_does_not_block_the_event_loop(executor: SandboxExecutor) -> None:
    report = await executor.execute(Execution("print(int(input()) * 2)", ("21",)))
    assert report.runs[0].stdout == "42\n"


@given(st.text())
@settings(max_examples=30, deadline=None)
def test_any_input_reaches_the_program_as_it_is(executor: SandboxExecutor, text: str) -> None:
    source = "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())"
    run = one(executor, source, text, Limits(cpu_seconds=0.5))
    assert (run.kind, run.stdout) == (V.PASSED, text)


@given(st.one_of(st.text(st.characters(codec=None)), st.lists(st.sampled_from(
    ["import os", "os.close(%d)", "os._exit(%d)", "raise SystemExit(%d)", "print(%d)", "while %d: pass"]
)).map(lambda lines: "\n".join(line.replace("%d", str(i * 50)) for i, line in enumerate(lines)))))  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_any_source_gives_a_verdict_and_leaves_the_executor_well(
    executor: SandboxExecutor, source: str
) -> None:
    run = one(executor, source, limits=Limits(cpu_seconds=0.1))
    assert run.kind is not V.INFRASTRUCTURE
    assert one(executor, "print(1)").stdout == "1\n"
