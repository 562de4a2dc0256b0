"""Warm sandboxes in threads of their own: as many programs at a time, from whatever event loop they come."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from codeseq_ray.ports import Execution, ExecutionReport
from codeseq_ray.sandbox import SandboxExecutor
from codeseq_ray.sandbox.settings import SandboxSettings


class Workers:
    """Fills `ports.Executor` with several `SandboxExecutor`s, each of which runs one program at a time."""

    def __init__(self, count: int, settings: SandboxSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="codeseq-reward")
        self._own = threading.local()
        self._started: list[SandboxExecutor] = []

    async def execute(self, execution: Execution) -> ExecutionReport:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, execution)

    def _run(self, execution: Execution) -> ExecutionReport:
        executor: SandboxExecutor | None = getattr(self._own, "executor", None)
        if executor is None:
            executor = self._own.executor = SandboxExecutor(self._settings)
            self._started.append(executor)
        return executor.run(execution)

    def close(self) -> None:
        """End the sandboxes; runs that have not begun are given up."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while self._started:
            self._started.pop().close()
