"""Functions by name, profiles, other interpreters, and the limits that a program has as a whole."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeseq_ray.errors import UsageError
from codeseq_ray.ports import Execution, Limits, Run
from codeseq_ray.records import VerdictKind as V
from codeseq_ray.sandbox import SandboxExecutor, interpreters, preload, walls
from codeseq_ray.sandbox.settings import SandboxSettings

SEVEN = ("7\n",)


def run(executor: SandboxExecutor, source: str, text: str = "7\n", entry: str | None = None) -> Run:
    return executor.run(Execution(source, (text,), entry=entry)).runs[0]


# ---------------------------------------------------------------------------------------- functions by name


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ("7", "(7,)"),
        ("7 8\n9", "(7, 8, 9)"),
        ('[1, 2] {"a": null}', "([1, 2], {'a': None})"),
        (str(10**5000), f"({10**5000},)"),
        ('"text" true 1.5', "('text', True, 1.5)"),
        ("", "()"),
    ],
)
def test_an_input_is_the_arguments_as_json(executor: SandboxExecutor, arguments: str, printed: str) -> None:
    seen = run(executor, "def solve(*all): return all", arguments + "\n", "solve")
    assert (seen.kind, seen.stdout) == (V.PASSED, printed + "\n")


def test_only_what_is_returned_is_the_answer(executor: SandboxExecutor) -> None:
    source = "print('loading')\ndef solve(n):\n    print('thinking')\n    return n * n\n"
    seen = run(executor, source, entry="solve")
    assert seen.stdout == "49\n"
    assert "loading\nthinking" in seen.stderr_tail


@pytest.mark.parametrize(
    "loud", ["os.write(1, b'8')", "sys.__stdout__.write('8')", "os.system", "print(8, flush=True)"]
)
def test_no_way_of_printing_adds_to_the_answer(executor: SandboxExecutor, loud: str) -> None:
    source = f"import os, sys\ndef solve(n):\n    {loud}\n    return n\n"
    assert run(executor, source, entry="solve").stdout == "7\n"
    both = executor.run(Execution(source, ("7", "8"), entry="solve")).runs
    assert [seen.stdout for seen in both] == ["7\n", "8\n"]


def test_what_stands_under_main_is_not_run_when_a_function_is_called(executor: SandboxExecutor) -> None:
    source = "def solve(n): return n\nif __name__ == '__main__': print(input())"
    assert run(executor, source, entry="solve").stdout == "7\n"
    assert run(executor, source).stdout == "7\n"


def test_a_program_without_the_function_is_told_its_name(executor: SandboxExecutor) -> None:
    seen = run(executor, "def other(n): return n", entry="solve")
    assert seen.kind is V.RUNTIME_ERROR
    assert "the program defines no function 'solve'" in seen.stderr_tail


def test_each_input_calls_a_fresh_program(executor: SandboxExecutor) -> None:
    source = "seen = []\ndef solve(n):\n    seen.append(n)\n    return seen"
    report = executor.run(Execution(source, ("1", "2"), entry="solve"))
    assert [seen.stdout for seen in report.runs] == ["[1]\n", "[2]\n"]


# ------------------------------------------------------------------------------------ limits of the whole program

SPIN = "import time\nuntil = time.process_time() + 0.2\nwhile time.process_time() < until: pass\nprint(1)"


def test_a_program_has_a_budget_for_all_its_inputs(executor: SandboxExecutor) -> None:
    limits = Limits(cpu_seconds=1.0, program_cpu_seconds=0.5)
    runs = executor.run(Execution(SPIN, ("",) * 5, limits)).runs
    assert [seen.kind for seen in runs] == [V.PASSED, V.PASSED, V.TIME_LIMIT]
    apart = executor.run(Execution(SPIN, ("",) * 5, limits, one_process_per_input=True)).runs
    assert [seen.kind for seen in apart][:3] == [V.PASSED, V.PASSED, V.TIME_LIMIT]


def test_the_recursion_limit_is_the_one_asked_for_on_every_input(executor: SandboxExecutor) -> None:
    source = "import sys\nprint(sys.getrecursionlimit())\nsys.setrecursionlimit(50_000)"
    runs = executor.run(Execution(source, ("", ""), Limits(recursion=3000))).runs
    assert [seen.stdout for seen in runs] == ["3000\n", "3000\n"]


def test_the_memory_of_the_interpreter_itself_is_not_counted(executor: SandboxExecutor) -> None:
    fits = "block = bytearray(90 << 20)\nprint(len(block) >> 20)"
    too_much = "block = bytearray(130 << 20)\nprint(len(block) >> 20)"
    limits = Limits(memory_mb=110)
    assert executor.run(Execution(fits, ("",), limits)).runs[0].stdout == "90\n"
    assert executor.run(Execution(too_much, ("",), limits)).runs[0].kind is V.MEMORY_LIMIT


# --------------------------------------------------------------------------------------------------- profiles


@pytest.fixture(scope="module")
def scientific() -> Iterator[SandboxExecutor]:
    pytest.importorskip("sympy")
    if lacking := walls.missing():
        pytest.skip(f"this machine lacks {'; '.join(lacking)}")
    with SandboxExecutor(SandboxSettings(profile="scientific")) as it:
        yield it


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("import sympy\nprint(sympy.prime(int(input())))", "17"),
        ("from sympy.ntheory import factorint\nprint(factorint(360))", "{2: 3, 3: 2, 5: 1}"),
        ("from sympy import Symbol, expand\nprint(expand((Symbol('x') + 1) ** 2))", "x**2 + 2*x + 1"),
        ("from sympy.combinatorics import Permutation\nprint(Permutation([1, 2, 0]).order())", "3"),
        (
            "import numpy as np\nprint(np.linalg.matrix_power(np.array([[1, 1], [1, 0]], object), 7)[0, 1])",
            "13",
        ),
        ("import numpy as np\nprint(np.fft.fft(np.ones(4)).real.sum())", "4.0"),
        ("import mpmath\nmpmath.mp.dps = 30\nprint(mpmath.pi)", "3.14159265358979323846264338328"),
    ],
)
def test_the_scientific_profile_has_what_it_says(
    scientific: SandboxExecutor, source: str, printed: str
) -> None:
    seen = run(scientific, source)
    assert (seen.kind, seen.stdout.strip()) == (V.PASSED, printed), seen


def test_the_scientific_profile_stands_behind_the_same_walls(
    scientific: SandboxExecutor, executor: SandboxExecutor
) -> None:
    assert scientific.check() == executor.check()
    assert (
        run(scientific, "import numpy as np\nnp.save('/tmp/x.npy', np.ones(3))").kind is V.SECURITY_VIOLATION
    )
    assert "PermissionError" in run(scientific, "import numpy as np\nnp.load('/etc/passwd')").stderr_tail


def test_the_scientific_profile_is_the_same_whatever_else_is_installed(scientific: SandboxExecutor) -> None:
    found = run(
        scientific, "import sys\nprint(sorted({'pytest', 'mypy', 'flint', 'hypothesis'} & set(sys.modules)))"
    )
    assert found.stdout == "[]\n"
    for other in ("pytest", "scipy", "flint"):
        assert "ModuleNotFoundError" in run(scientific, f"import {other}").stderr_tail


def test_its_memory_is_as_much_as_in_the_standard_one(scientific: SandboxExecutor) -> None:
    source = "block = bytearray(90 << 20)\nprint(len(block) >> 20)"
    assert scientific.run(Execution(source, ("",), Limits(memory_mb=110))).runs[0].stdout == "90\n"


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    n: int\nprint(P(3).n)", "3"),
        ("import statistics\nprint(statistics.median([3, 1, 2]))", "2"),
        ("from concurrent.futures import ThreadPoolExecutor as E\nprint(*E(2).map(abs, [-1, -2]))", "1 2"),
        ("import datetime\nprint(datetime.datetime.strptime('2020', '%Y').year)", "2020"),
        ("import logging\nlogging.basicConfig()\nprint(logging.root.name)", "root"),
        ("__import__('hashlib')\nprint(1)", "1"),
    ],
)
def test_rarely_used_modules_are_there_for_programs_that_name_them(
    executor: SandboxExecutor, source: str, printed: str
) -> None:
    seen = run(executor, source)
    assert (seen.kind, seen.stdout) == (V.PASSED, printed + "\n"), seen


def test_every_module_can_be_imported_from_the_zygote_that_its_name_leads_to(
    executor: SandboxExecutor,
) -> None:
    for name in (*preload.CORE, *preload.MORE):
        plain = name.removeprefix("_")
        seen = run(executor, f"import {name}  # {plain}\nprint(1)")
        assert seen.stdout == "1\n", seen


def test_the_standard_profile_has_neither(executor: SandboxExecutor) -> None:
    for package in ("numpy", "sympy", "codeseq_ray", "ray"):
        assert "ModuleNotFoundError" in run(executor, f"import {package}").stderr_tail


# -------------------------------------------------------------------------------------------------- interpreters


def other_pythons() -> list[str]:
    """Interpreters of other minor versions that are installed here: 3.11 and newer."""
    beside = Path(sysconfig.get_config_var("prefix") or sys.prefix).parent
    found = {}
    for minor in {11, 12, 13, 14} - {sys.version_info.minor}:
        name = f"python3.{minor}"
        for path in (shutil.which(name), *map(str, beside.glob(f"*/bin/{name}"))):
            if path and not subprocess.run([path, "-I", "-c", ""], capture_output=True).returncode:
                found[minor] = path
                break
    return list(found.values())


def test_programs_run_in_the_interpreter_that_is_asked_for(executor: SandboxExecutor) -> None:
    if not (pythons := other_pythons()):
        pytest.skip("no other Python of 3.11 or newer is installed here")
    for python in pythons:
        settings = SandboxSettings(python=python)
        with SandboxExecutor(settings) as other:
            seen = run(other, "import sys\nprint(*sys.version_info[:2], int(input()) ** 2)")
            assert seen.stdout == f"{interpreters.find(settings).version.rpartition('.')[0]} 49\n".replace(
                ".", " "
            )
            assert run(other, "1 / 0").stderr_tail.rstrip().endswith("ZeroDivisionError: division by zero")
            assert run(other, "import os; os.fork()").kind is V.SECURITY_VIOLATION
            assert run(other, "def solve(n): return n + 1", entry="solve").stdout == "8\n"
            source = "import threading\nt = threading.Thread(target=lambda: print(9))\nt.start()"
            assert run(other, source).stdout == "9\n"
            # From 3.12 on, long integers become text in a module that is loaded when it has to.
            long = run(other, "n = 10 ** 20_000\nprint(int(str(n)) == n)")
            assert long.stdout == "True\n", long


@pytest.mark.parametrize(
    ("python", "says"),
    [("/nowhere/python", "cannot be started"), ("/bin/ls", "cannot be started"), ("/bin/true", "cannot be")],
)
def test_what_is_no_interpreter_is_refused_with_its_name(python: str, says: str) -> None:
    with pytest.raises(UsageError, match=f"--python {python}: {says}"):
        interpreters.find(SandboxSettings(python=python))


def test_an_interpreter_without_the_profile_is_told_what_to_install(
    executor: SandboxExecutor, tmp_path: Path
) -> None:
    venv.create(tmp_path, with_pip=False)
    settings = SandboxSettings(profile="scientific", python=str(tmp_path / "bin" / "python"))
    with SandboxExecutor(settings) as other, pytest.raises(UsageError, match=r"lacks.*pip install"):
        other.run(Execution("print(1)", SEVEN))
