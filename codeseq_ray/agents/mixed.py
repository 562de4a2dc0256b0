"""A pair made of two: problems by one, programs by the other. For experiments that need true problems.

With the built-in pair's problems, which state a rule proven on the terms, whatever fails is the model's program: so
the gain of correction rounds can be measured where a model's own problems would not get that far.
"""

from __future__ import annotations

from codeseq_ray.agents.roles import Answer, Correction, GuidingAgent, WorkingAgent
from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    ParaphraserView,
    SolverView,
    ValidatorView,
    WriterView,
)
from codeseq_ray.records import Analysis, Problem, Program, Screening


class MixedWorkingAgent:
    """`problems` judges entries and writes problems, `programs` writes programs and corrects them."""

    def __init__(self, problems: WorkingAgent, programs: WorkingAgent) -> None:
        self._problems, self._programs = problems, programs
        self.name = f"{problems.name} with {programs.name}"
        self.fits_terms = problems.fits_terms
        self.by_rule = programs.by_rule

    async def filter(self, view: WriterView) -> Answer[Screening] | None:
        return await self._problems.filter(view)

    async def write_problem(self, view: WriterView) -> Answer[Problem]:
        return await self._problems.write_problem(view)

    async def write_program(self, view: SolverView, *, sample: int = 0, attempt: int = 0) -> Answer[Program]:
        return await self._programs.write_program(view, sample=sample, attempt=attempt)

    async def correct(self, view: CorrectorView, *, sample: int = 0, attempt: int = 0) -> Answer[Correction]:
        return await self._programs.correct(view, sample=sample, attempt=attempt)

    async def paraphrase(self, view: ParaphraserView, *, sample: int = 0) -> Answer[str] | None:
        return await self._problems.paraphrase(view, sample=sample)


class MixedGuidingAgent:
    """`validates` works examples out, `analyses` explains failures."""

    def __init__(self, validates: GuidingAgent, analyses: GuidingAgent) -> None:
        self._validates, self._analyses = validates, analyses
        self.name = f"{validates.name} with {analyses.name}"

    async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
        return await self._validates.validate(view, attempt=attempt)

    async def analyse(self, view: AnalystView, *, attempt: int = 0) -> Answer[Analysis]:
        return await self._analyses.analyse(view, attempt=attempt)
