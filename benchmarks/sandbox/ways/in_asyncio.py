"""As SandboxFusion runs Python: per input a folder with the program, and a process that asyncio watches.

Its default starts a shell in between, has each child call a Python function before exec, which keeps it from the
cheaper vfork, and lets the interpreter look for installed packages. All three are left out: this is the quickest form
of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Sequence

from benchmarks.sandbox.ways.cold import PYTHON, SECONDS

_MOST = 1 << 20
_CHUNK = 1 << 16


async def _collect(stream: asyncio.StreamReader) -> bytes:
    kept = bytearray()
    while part := await stream.read(_CHUNK):
        kept += part[: max(0, _MOST - len(kept))]
    return bytes(kept)


async def _feed(stream: asyncio.StreamWriter, text: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(text)
        await stream.drain()
    stream.close()


async def _one(command: Sequence[str], folder: str, text: bytes) -> tuple[int, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=folder, start_new_session=True
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        work = asyncio.gather(
            _feed(process.stdin, text), _collect(process.stdout), _collect(process.stderr), process.wait()
        )
        _, out, err, status = await asyncio.wait_for(work, SECONDS)
        return status, out, err
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class Way:
    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, source: str, inputs: Sequence[str]) -> list[str]:
        return self._runner.run(self._all(source, inputs))

    async def _all(self, source: str, inputs: Sequence[str]) -> list[str]:
        outputs = []
        for text in inputs:
            with tempfile.TemporaryDirectory() as folder:
                program = os.path.join(folder, "program.py")
                with open(program, "w") as file:  # noqa: ASYNC230 (as it does)
                    file.write(source)
                status, out, err = await _one((PYTHON, "-I", "-S", program), folder, text.encode())
            if status:
                raise RuntimeError(err.decode())
            outputs.append(out.decode())
        return outputs

    def close(self) -> None:
        self._runner.close()
