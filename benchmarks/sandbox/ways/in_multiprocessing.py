"""As HumanEval runs programs: a manager and a forked process for each, which runs all its cases by exec.

The process takes dangerous functions away from the program before, sets a timer, and works in a folder of its own.
"""

from __future__ import annotations

import builtins
import contextlib
import faulthandler
import io
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from benchmarks.sandbox.ways.cold import SECONDS

_FROM_OS = """
    kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace
    unlink fchmod fchown chmod chown chroot lchown getcwd chdir
"""
_TAKEN: tuple[tuple[Any, str], ...] = (
    *((builtins, name) for name in ("exit", "quit", "help")),
    *((os, name) for name in _FROM_OS.split()),
    *((shutil, name) for name in ("rmtree", "move", "chown")),
    (subprocess, "Popen"),
)


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
    """Meanwhile these functions are not there. What tidying up needs comes back."""
    faulthandler.disable()
    os.environ["OMP_NUM_THREADS"] = "1"
    before = [(owner, name, getattr(owner, name, None)) for owner, name in _TAKEN]
    for owner, name, _ in before:
        setattr(owner, name, None)
    for module in ("ipdb", "joblib", "resource", "psutil", "tkinter"):
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _late(number: int, frame: FrameType | None) -> None:
    raise TimeoutError


def _work(source: str, inputs: Sequence[str], outputs: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        printed = []
        with _guarded():
            signal.signal(signal.SIGALRM, _late)
            code = compile(source, "<program>", "exec")
            for text in inputs:
                signal.setitimer(signal.ITIMER_REAL, SECONDS)
                stdout, sys.stdin = io.StringIO(), io.StringIO(text)
                with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(io.StringIO()):
                    exec(code, {"__name__": "__main__"})
                signal.setitimer(signal.ITIMER_REAL, 0)
                printed.append(stdout.getvalue())
        outputs.extend(printed)  # at once: each call is a round trip to the manager
        os.chdir("/")


class Way:
    def run(self, source: str, inputs: Sequence[str]) -> list[str]:
        with multiprocessing.Manager() as manager:
            outputs = manager.list()
            process = multiprocessing.Process(target=_work, args=(source, inputs, outputs))
            process.start()
            process.join(SECONDS + 1)
            if process.is_alive():
                process.kill()
                process.join()
            if process.exitcode:
                raise RuntimeError(f"exit status {process.exitcode}")
            return list(outputs)

    def close(self) -> None:
        pass
