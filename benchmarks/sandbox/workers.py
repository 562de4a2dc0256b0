"""This side's hold on worker processes: start, ask, end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.sandbox.ways import STANDARD_LIBRARY_ONLY, WAYS, LackingError
from benchmarks.sandbox.ways.cold import PYTHON

_ROOT = Path(__file__).parents[2]


class Worker:
    """One process of one way."""

    def __init__(self, way: str) -> None:
        """Start it; all its answers are right, or this raises. LackingError if it cannot be had here."""
        bare = WAYS[way] in STANDARD_LIBRARY_ONLY
        self._process = subprocess.Popen(
            [*((PYTHON, "-S") if bare else (sys.executable,)), "-m", "benchmarks.sandbox.worker", way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        try:
            greeting = self.answer()
            if "lacking" in greeting:
                raise LackingError(greeting["lacking"])
        except BaseException:
            self.close()
            raise

    def ask(self, request: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended (exit status {self._process.wait()}); its error is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
