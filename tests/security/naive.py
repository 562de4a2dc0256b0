"""Judges that trust what they should not, to show that the attacks on verdicts work where they may.

    python naive.py JUDGE ANSWER < PROGRAM       prints "ACCEPTED" or "refused"

Standard library only; run inside namespaces, with nothing at stake.
"""

from __future__ import annotations

import contextlib
import fnmatch
import io
import json
import operator
import os
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import types
from pathlib import Path
from typing import Any

EXPECTED = 0
VERDICT = ""
INPUT = "7"


def equal(one: object, other: object) -> bool:
    return bool(one == other)


def in_process(source: str, expected: int) -> dict[str, Any]:
    """Run the program in this interpreter, with the answer lying about."""
    case = {"input": INPUT, "expected": expected, "notes": []}
    program = types.ModuleType("program")
    sys.stdin = io.StringIO(INPUT + "\n")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, program.__dict__)
        assert case
    return program.__dict__


def same_process(source: str, expected: int) -> bool:
    here = (INPUT, expected)
    answer = in_process(source, expected)["answer"]
    return equal(answer, here[1])


def same_process_as_text(source: str, expected: int) -> bool:
    return str(in_process(source, expected)["answer"]) == str(expected)


def asks_for_a_function(source: str, expected: int) -> bool:
    returned = in_process(source, expected)["answer"](int(INPUT))
    return equal(returned, expected)


def asks_for_a_function_as_text(source: str, expected: int) -> bool:
    return str(in_process(source, expected)["answer"](int(INPUT))) == str(expected)


def same_process_by_operator(source: str, expected: int) -> bool:
    answer = in_process(source, expected)["answer"]
    return bool(operator.eq(answer, expected))


def same_process_to_a_file(source: str, expected: int) -> bool:
    """The verdict is written by the process that the program ran in, and read when that is over."""
    global VERDICT
    VERDICT = str(Path(tempfile.mkdtemp()) / "verdict")
    Path(VERDICT).write_text("refused")
    pid = os.fork()
    if pid == 0:
        right = same_process(source, expected)
        Path(VERDICT).write_text("passed" if right else "refused")
        sys.exit(0)
    os.waitpid(pid, 0)
    return Path(VERDICT).read_text() == "passed"


def run(source: str, *arguments: str, text: str = INPUT + "\n", **how: Any) -> tuple[int, bytes]:
    """Run the program in an interpreter of its own: exit status and stdout."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(source)
        done = subprocess.run([sys.executable, "-S", "-B", str(path), *arguments], input=text.encode(),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10, **how)  # fmt: skip
        return done.returncode, done.stdout


def appended_tests(source: str, expected: int) -> bool:
    return run(f"{source}\nassert answer == {expected}\n")[0] == 0


def unpickled(source: str, expected: int) -> bool:
    answer = pickle.loads(run(source)[1])[1]
    return bool(answer == EXPECTED)


def evaluated(source: str, expected: int) -> bool:
    return bool(eval(run(source)[1].decode()) == expected)


def with_a_verdict(source: str, expected: int) -> bytes:
    """What is printed by the program, and behind it by the tests that run after it in the same process."""
    tests = f"""
try:
    right = answer == {expected}
except NameError:
    raise SystemExit
if right: print("verdict: passed")
"""
    return run(source + tests)[1]


def last_line(source: str, expected: int) -> bool:
    return with_a_verdict(source, expected).decode().split("\n")[-2] == "verdict: passed"


def json_line(source: str, expected: int) -> bool:
    return bool(json.loads(with_a_verdict(source, expected).decode().splitlines()[-1])["passed"])


def mark(source: str, expected: int) -> bool:
    return b"ALL TESTS PASSED" in with_a_verdict(source, expected)


def printed(source: str) -> str:
    return run(source)[1].decode().strip()


def contained(source: str, expected: int) -> bool:
    return str(expected)[:4] in printed(source)


def prefix(source: str, expected: int) -> bool:
    return str(expected).startswith(printed(source))


def as_float(source: str, expected: int) -> bool:
    return not abs(float(printed(source)) - expected) > 1e-9


def pattern(source: str, expected: int) -> bool:
    return re.fullmatch(printed(source), str(expected)) is not None


def file_pattern(source: str, expected: int) -> bool:
    return fnmatch.fnmatch(str(expected), printed(source))


def to_the_first_nul(source: str, expected: int) -> bool:
    return str(expected).encode().startswith(run(source)[1].partition(b"\0")[0])


def in_a_file(source: str, expected: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "expected.txt").write_text(str(expected))
        return run(source, cwd=folder)[1].decode().strip() == str(expected)


def in_the_environment(source: str, expected: int) -> bool:
    return run(source, env={"EXPECTED": str(expected)})[1].decode().strip() == str(expected)


def among_the_arguments(source: str, expected: int) -> bool:
    return run(source, str(expected))[1].decode().strip() == str(expected)


def behind_the_input(source: str, expected: int) -> bool:
    return run(source, text=f"{INPUT}\n{expected}\n")[1].decode().strip() == str(expected)


def in_a_descriptor(source: str, expected: int) -> bool:
    with tempfile.TemporaryFile() as file:
        file.write(str(expected).encode())
        file.flush()
        return run(source, pass_fds=[file.fileno()])[1].decode().strip() == str(expected)


def forked(source: str, expected: int) -> bool:
    """The program runs in a fork of the judge; its output comes over a pipe."""
    case = {"input": INPUT, "expected": expected, "notes": []}
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(theirs, 1)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 (ends with the process)
        exec(source, {"__name__": "__main__"})
        sys.stdout.flush()
        os._exit(0 if case else 1)
    os.close(theirs)
    with os.fdopen(ours) as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said.strip() == str(expected)


JUDGES = {
    "same process": same_process,
    "same process, as text": same_process_as_text,
    "same process, by operator": same_process_by_operator,
    "asks for a function": asks_for_a_function,
    "asks for a function, as text": asks_for_a_function_as_text,
    "same process, to a file": same_process_to_a_file,
    "appended tests": appended_tests,
    "unpickled": unpickled,
    "evaluated": evaluated,
    "last line": last_line,
    "JSON line": json_line,
    "mark": mark,
    "contained": contained,
    "prefix": prefix,
    "float": as_float,
    "pattern": pattern,
    "file pattern": file_pattern,
    "to the first NUL": to_the_first_nul,
    "expected in a file": in_a_file,
    "expected in the environment": in_the_environment,
    "expected among the arguments": among_the_arguments,
    "expected behind the input": behind_the_input,
    "expected in a descriptor": in_a_descriptor,
    "forked judge": forked,
    "tests in the module": forked,
}


def main() -> int:
    global EXPECTED
    name, EXPECTED = sys.argv[1], int(sys.argv[2])
    threading.Timer(10, os._exit, (3,)).start()
    try:
        accepted = JUDGES[name](sys.stdin.read(), EXPECTED)
    except Exception as error:
        print(f"refused: {error!r}", flush=True)
        os._exit(0)
    # Not by way of `print`, which the program may have changed.
    os.write(1, b"ACCEPTED\n" if accepted else b"refused\n")
    os._exit(0)


if __name__ == "__main__":
    main()
