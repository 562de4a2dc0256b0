"""The CPU tasks that loop actors wait for: fits of the built-in agents, and programs in the sandbox."""

from __future__ import annotations

from functools import cache

import ray

from codeseq_ray.agents.builtin.fitting import FitRequest, fit
from codeseq_ray.agents.builtin.rules import Rule
from codeseq_ray.errors import InfrastructureError, SandboxUnavailableError
from codeseq_ray.pipeline.batching import TaskBatcher
from codeseq_ray.pipeline.cluster import TASK_CPUS
from codeseq_ray.ports import Execution, ExecutionReport
from codeseq_ray.sandbox.executor import SandboxExecutor

Ran = ExecutionReport | InfrastructureError | SandboxUnavailableError


@ray.remote(num_cpus=TASK_CPUS, max_retries=2)
def fit_all(requests: list[FitRequest]) -> list[Rule | None]:
    return [fit(request) for request in requests]


@cache
def _executor() -> SandboxExecutor:
    """One warm executor per worker process, kept between tasks."""
    return SandboxExecutor()


@ray.remote(num_cpus=TASK_CPUS, max_retries=2)
def run_all(executions: list[Execution]) -> list[Ran]:
    """Errors are values here: one program without a judgement must not take its neighbours' reports along."""
    reports: list[Ran] = []
    for execution in executions:
        try:
            reports.append(_executor().run(execution))
        except (InfrastructureError, SandboxUnavailableError) as error:
            reports.append(error)
    return reports


class RayFitter:
    """`fit` as a Ray task."""

    def __init__(self, *, in_flight: int, batch: int) -> None:
        self._batcher: TaskBatcher[FitRequest, Rule | None] = TaskBatcher(
            self._run, in_flight=in_flight, batch=batch
        )

    async def __call__(self, request: FitRequest) -> Rule | None:
        return await self._batcher(request)

    @staticmethod
    async def _run(requests: list[FitRequest]) -> list[Rule | None]:
        rules: list[Rule | None] = await fit_all.remote(requests)
        return rules


class RayExecutor:
    """ports.Executor over sandboxed Ray tasks."""

    def __init__(self, *, in_flight: int, batch: int) -> None:
        self._batcher: TaskBatcher[Execution, Ran] = TaskBatcher(self._run, in_flight=in_flight, batch=batch)

    async def execute(self, execution: Execution) -> ExecutionReport:
        ran = await self._batcher(execution)
        if isinstance(ran, ExecutionReport):
            return ran
        raise ran

    @staticmethod
    async def _run(executions: list[Execution]) -> list[Ran]:
        reports: list[Ran] = await run_all.remote(executions)
        return reports
