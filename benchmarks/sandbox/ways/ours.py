"""The house's own: a locked child of a warm interpreter per program; inputs share it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.sandbox.ways import LackingError
from codeseq_ray.errors import SandboxUnavailableError
from codeseq_ray.ports import Execution
from codeseq_ray.records import VerdictKind
from codeseq_ray.sandbox import SandboxExecutor
from codeseq_ray.sandbox.settings import SandboxSettings


class Way:
    settings = SandboxSettings()

    def __init__(self) -> None:
        self.executor = SandboxExecutor(self.settings)
        try:
            self.executor.run(Execution("print(1)", ("",)))
        except SandboxUnavailableError as error:
            raise LackingError(str(error)) from error

    def run(self, source: str, inputs: Sequence[str]) -> list[str]:
        report = self.executor.run(Execution(source, tuple(inputs)))
        for run in report.runs:
            if run.kind is not VerdictKind.PASSED:
                raise RuntimeError(f"{run.kind}: {run.stderr_tail}")
        return [run.stdout for run in report.runs]

    def close(self) -> None:
        self.executor.close()
