"""Cold python in new namespaces. One mount only, the whole file system to read: hiding files would cost more."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence

from benchmarks.sandbox.ways import LackingError, cold

_PR_SET_CHILD_SUBREAPER = 36


class Way(cold.Way):
    def __init__(self) -> None:
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise LackingError("bwrap is not installed")
        self.prefix = (bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/")
        tried = subprocess.run(
            [*self.prefix, cold.PYTHON, "-I", "-S", "-c", ""], capture_output=True, text=True
        )
        if tried.returncode:
            raise LackingError(f"bwrap does not work here: {tried.stderr.strip()}")
        # bwrap leaves the first process of its namespace behind, with all the CPU time of the program: adopt it.
        if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1):
            raise LackingError("orphans cannot be adopted, so that not all CPU time would be seen")

    def run(self, source: str, inputs: Sequence[str]) -> list[str]:
        try:
            return super().run(source, inputs)
        finally:
            with contextlib.suppress(ChildProcessError):
                while True:
                    os.waitpid(-1, 0)
