"""The CPU tasks that loop actors wait for: fits of the built-in agents, and programs in the sandbox."""

from __future__ import annotations

import math
from functools import cache

import ray

from codeseq_ray.agents.builtin.fitting import FitRequest, fit
from codeseq_ray.agents.builtin.rules import Rule
from codeseq_ray.errors import InfrastructureError, UsageError
from codeseq_ray.judging.confirmation import ROOM_MEMORY
from codeseq_ray.pipeline.batching import TaskBatcher
from codeseq_ray.pipeline.cluster import TASK_CPUS
from codeseq_ray.pipeline.metrics import Figures, zygotes_lost
from codeseq_ray.ports import Execution, ExecutionReport
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.sandbox.settings import Profile, SandboxSettings

Ran = ExecutionReport | InfrastructureError | UsageError


@ray.remote(num_cpus=TASK_CPUS, max_retries=2)
def fit_all(requests: list[FitRequest]) -> list[Rule | None]:
    return [fit(request) for request in requests]


OWN_MB: dict[Profile, int] = {"standard": 330, "scientific": 550}
"""Memory of a worker that runs programs, beside what a program may take: Ray's worker process and up to four warm
interpreters (measured: docs/judge.md)."""


def memory_bytes(memory_mb: int, sandbox: SandboxSettings) -> int:
    """What a task that runs programs asks Ray for, so that a node gets as many as fit its memory."""
    return (OWN_MB[sandbox.profile] + math.ceil(ROOM_MEMORY * memory_mb)) << 20


def require_memory(memory_mb: int, sandbox: SandboxSettings) -> None:
    """Raises UsageError when no node of the cluster is large enough: such a task would wait for ever.

    Nothing is said of a cluster whose nodes have no CPU: its workers are still to come.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0)]
    largest = max((node.get("memory", 0.0) for node in nodes), default=math.inf)
    needed = memory_bytes(memory_mb, sandbox)
    if needed > largest:
        raise UsageError(
            f"--memory-mb {memory_mb}: with the interpreter's own and room for the second run a task needs "
            f"{needed >> 20} MiB, and the largest node of this cluster gives {int(largest) >> 20} MiB. Lower it, or "
            "add a larger node."
        )


@cache
def executor_here(settings: SandboxSettings) -> SandboxExecutor:
    """One warm executor per worker process and kind of sandbox, kept between tasks."""
    return SandboxExecutor(settings)


class InWorker:
    """ports.Executor over this worker's sandbox, without a thread in between: one program runs at a time."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._sandbox = executor_here(settings)

    async def execute(self, execution: Execution) -> ExecutionReport:
        return self._sandbox.run(execution)


@ray.remote(num_cpus=TASK_CPUS, max_retries=2)
def standing_walls(settings: SandboxSettings) -> tuple[str, ...] | UsageError:
    """The walls of the node where this runs, proven, or why no program of this kind can run there."""
    try:
        return executor_here(settings).check()
    except UsageError as error:
        return error


def require_walls(settings: SandboxSettings) -> None:
    """Raises UsageError where programs of models may not run. Asked of one node, for all."""
    standing = ray.get(standing_walls.remote(settings))
    if isinstance(standing, UsageError):
        raise standing


@ray.remote(num_cpus=TASK_CPUS, max_retries=2)
def run_all(executions: list[Execution], settings: SandboxSettings) -> list[Ran]:
    """Errors are values here: one program without a judgement must not take its neighbours' reports along."""
    reports: list[Ran] = []
    sandbox = executor_here(settings)
    lost = sandbox.lost
    for execution in executions:
        try:
            reports.append(sandbox.run(execution))
        except (InfrastructureError, UsageError) as error:
            reports.append(error)
    if sandbox.lost > lost:
        zygotes_lost().inc(sandbox.lost - lost)
    return reports


class RayFitter:
    """`fit` as a Ray task."""

    def __init__(self, *, in_flight: int, batch: int, figures: Figures | None = None) -> None:
        self._batcher: TaskBatcher[FitRequest, Rule | None] = TaskBatcher(
            self._run, in_flight=in_flight, batch=batch
        )
        if figures is not None:
            figures.watch_backlog("fit", lambda: self._batcher.backlog)

    async def __call__(self, request: FitRequest) -> Rule | None:
        return await self._batcher(request)

    @staticmethod
    async def _run(requests: list[FitRequest]) -> list[Rule | None]:
        rules: list[Rule | None] = await fit_all.remote(requests)
        return rules


class RayExecutor:
    """ports.Executor over sandboxed Ray tasks."""

    def __init__(
        self,
        sandbox: SandboxSettings,
        *,
        memory_mb: int,
        in_flight: int,
        batch: int,
        figures: Figures | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._task = run_all.options(memory=memory_bytes(memory_mb, sandbox))
        self._batcher: TaskBatcher[Execution, Ran] = TaskBatcher(self._run, in_flight=in_flight, batch=batch)
        self._figures = figures
        if figures is not None:
            figures.watch_backlog("program", lambda: self._batcher.backlog)

    async def execute(self, execution: Execution) -> ExecutionReport:
        ran = await self._batcher(execution)
        if self._figures is not None:
            self._figures.ran(ran)
        if isinstance(ran, ExecutionReport):
            return ran
        raise ran

    async def _run(self, executions: list[Execution]) -> list[Ran]:
        reports: list[Ran] = await self._task.remote(executions, self._sandbox)
        return reports
