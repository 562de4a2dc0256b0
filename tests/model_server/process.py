"""A model server in a process of its own, for tests and benchmarks of whole runs."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Served:
    urls: tuple[str, ...]
    log: Path

    @property
    def flags(self) -> tuple[str, ...]:
        """What the main job has to be told to use it for both roles."""
        urls = ",".join(self.urls)
        return (
            *("--agents", "llm", "--generator-url", urls, "--verifier-url", urls),
            *("--generator-model", "generator", "--verifier-model", "verifier"),
        )

    def stats(self) -> dict[str, Any]:
        return self._asked("/stats", "GET")

    def reset(self) -> None:
        """Counts, turns and weather begin anew, and the log too."""
        self._asked("/stats/reset", "POST")
        self.log.write_bytes(b"")

    def logged(self) -> list[dict[str, Any]]:
        """All chat requests of the run, in the order in which they ended; a preflight's are left out."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [entry for entry in map(json.loads, lines) if entry["kind"] != "other"]

    def _asked(self, path: str, method: str) -> dict[str, Any]:
        url = self.urls[0].removesuffix("/v1") + path
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as response:
            told: dict[str, Any] = json.loads(response.read())
        return told


@contextlib.contextmanager
def served(log: Path, *flags: str) -> Iterator[Served]:
    """`python -m tests.model_server` with these flags, at free ports, up when this begins and gone when it ends."""
    command = [sys.executable, "-m", "tests.model_server", "--port", "0", "--log", str(log), *flags]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("serving "):
            raise RuntimeError(f"the model server did not start: {line!r}")
        yield Served(tuple(line.split()[1:]), log)
    finally:
        process.terminate()
        process.wait(timeout=30)
