"""An interpreter started for every input, as bare as it gets; no walls."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

PYTHON = os.path.realpath(sys.executable)
"""Of a virtual environment the interpreter behind it: it has less to look for."""
SECONDS = 60


class Way:
    prefix: tuple[str, ...] = ()

    def run(self, source: str, inputs: Sequence[str]) -> list[str]:
        outputs = []
        for text in inputs:
            ended = subprocess.run(
                [*self.prefix, PYTHON, "-I", "-S", "-c", source],
                input=text.encode(),
                capture_output=True,
                timeout=SECONDS,
                env={},
            )
            if ended.returncode:
                raise RuntimeError(ended.stderr.decode())
            outputs.append(ended.stdout.decode())
        return outputs

    def close(self) -> None:
        pass
