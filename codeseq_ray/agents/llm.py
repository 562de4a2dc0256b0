"""The pair that asks models. Each role is one prompt, one form of answer, and a bound on its tokens."""

from __future__ import annotations

from codeseq_ray.agents.asking import Asker, mapped
from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.roles import Answer, Correction
from codeseq_ray.agents.structured import AnalysisDraft, ProblemDraft, WorkedAnswers
from codeseq_ray.agents.visibility import AnalystView, CorrectorView, SolverView, ValidatorView, WriterView
from codeseq_ray.ports import ChatClient
from codeseq_ray.records import Analysis, Example, Problem, Program


class LLMWorkingAgent:
    """The papers' working agent, a model: writes the problem, the program and the corrections."""

    fits_terms = False

    def __init__(
        self,
        client: ChatClient,
        name: str,
        prompts: Prompts | None = None,
        *,
        temperature: float = 0.7,
        problem_max_tokens: int = 2048,
        program_max_tokens: int = 4096,
    ) -> None:
        self.name = name
        self._asker = Asker(client, prompts or Prompts(), temperature)
        self._problem_max_tokens = problem_max_tokens
        self._program_max_tokens = program_max_tokens

    async def write_problem(self, view: WriterView) -> Answer[Problem]:
        answer = await self._asker.object(
            "problem", "write_problem", view, ProblemDraft, self._problem_max_tokens
        )
        return mapped(answer, _problem)

    async def write_program(self, view: SolverView) -> Answer[Program]:
        return await self._asker.program("program", "write_program", view, self._program_max_tokens)

    async def correct(self, view: CorrectorView) -> Answer[Correction]:
        answer = await self._asker.program("correction", "correct", view, self._program_max_tokens)
        return mapped(answer, Correction)


class LLMGuidingAgent:
    """The papers' guiding agent, another model: works examples out and explains failures."""

    def __init__(
        self,
        client: ChatClient,
        name: str,
        prompts: Prompts | None = None,
        *,
        temperature: float = 0.3,
        validation_max_tokens: int = 2048,
        analysis_max_tokens: int = 2048,
    ) -> None:
        self.name = name
        self._asker = Asker(client, prompts or Prompts(), temperature)
        self._validation_max_tokens = validation_max_tokens
        self._analysis_max_tokens = analysis_max_tokens

    async def validate(self, view: ValidatorView) -> Answer[tuple[str, ...]]:
        answer = await self._asker.object(
            "validation", "validate", view, WorkedAnswers, self._validation_max_tokens
        )
        return mapped(answer, lambda worked: tuple(one.output for one in worked.answers))

    async def analyse(self, view: AnalystView) -> Answer[Analysis]:
        answer = await self._asker.object(
            "analysis", "analyse", view, AnalysisDraft, self._analysis_max_tokens
        )
        return mapped(
            answer, lambda draft: Analysis(why_expected=draft.why_expected, what_is_wrong=draft.what_is_wrong)
        )


def _problem(draft: ProblemDraft) -> Problem:
    return Problem(
        description=draft.description,
        input_format=draft.input_format,
        output_format=draft.output_format,
        examples=tuple(
            Example(input=example.input, output=example.output, explanation=example.explanation)
            for example in draft.examples
        ),
    )
