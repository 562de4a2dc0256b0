"""The pair that asks models. Each role is one prompt, one form of answer, and a bound on its tokens."""

from __future__ import annotations

from codeseq_ray.agents.asking import Asker, Turn, mapped, paid
from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.roles import Answer, Correction
from codeseq_ray.agents.structured import (
    AnalysisDraft,
    FilterDraft,
    ParaphraseDraft,
    ProblemDraft,
    ReflectionDraft,
    WorkedAnswers,
)
from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    ParaphraserView,
    SolverView,
    ValidatorView,
    WriterView,
)
from codeseq_ray.ports import ChatClient
from codeseq_ray.records import Analysis, Example, Problem, Program, Screening


class LLMWorkingAgent:
    """The papers' working agent, a model: judges the entry, writes the problem, the program and the corrections."""

    fits_terms = False
    by_rule = False

    def __init__(
        self,
        client: ChatClient,
        name: str,
        prompts: Prompts | None = None,
        *,
        temperature: float = 0.7,
        filter_max_tokens: int = 1024,
        problem_max_tokens: int = 2048,
        program_max_tokens: int = 4096,
    ) -> None:
        self.name = name
        self._asker = Asker(client, prompts or Prompts(), temperature)
        self._filter_max_tokens = filter_max_tokens
        self._problem_max_tokens = problem_max_tokens
        self._program_max_tokens = program_max_tokens

    async def filter(self, view: WriterView) -> Answer[Screening]:
        """A plan and an answer, then in the same conversation one reflection that may change the answer."""
        asked = Turn("filter", self._asker.render("filter", view), self._filter_max_tokens)
        first = await self._asker.object(asked, FilterDraft)
        if first.value is None:
            return Answer(None, first.calls, first.why_none, first.reason)
        draft = first.value
        said = {"role": "assistant", "content": first.calls[-1].answer}
        again = Turn(
            "filter.reflection",
            self._asker.render("filter_reflection", view, draft=draft),
            self._filter_max_tokens,
            before=(*asked.messages, said),
        )
        with paid(first.calls):
            second = await self._asker.object(again, ReflectionDraft)
        return mapped(
            Answer(second.value, (*first.calls, *second.calls), second.why_none, second.reason),
            lambda reflected: Screening(
                plan=draft.plan,
                kept_at_first=draft.keep,
                first_reason=draft.reason,
                reflection=reflected.reflection,
                keep=reflected.keep,
                reason=reflected.reason,
            ),
        )

    async def write_problem(self, view: WriterView) -> Answer[Problem]:
        asked = Turn("problem", self._asker.render("write_problem", view), self._problem_max_tokens)
        return mapped(await self._asker.object(asked, ProblemDraft), _problem)

    async def write_program(self, view: SolverView, *, sample: int = 0, attempt: int = 0) -> Answer[Program]:
        prompt = self._asker.render("write_program", view)
        asked = Turn("program", prompt, self._program_max_tokens, sample=sample, attempt=attempt)
        return await self._asker.program(asked)

    async def correct(self, view: CorrectorView, *, sample: int = 0, attempt: int = 0) -> Answer[Correction]:
        prompt = self._asker.render("correct", view)
        asked = Turn("correction", prompt, self._program_max_tokens, sample=sample, attempt=attempt)
        return mapped(await self._asker.program(asked), Correction)

    async def paraphrase(self, view: ParaphraserView, *, sample: int = 0) -> Answer[str]:
        prompt = self._asker.render("paraphrase", view)
        asked = Turn("paraphrase", prompt, self._problem_max_tokens, sample=sample)
        return mapped(await self._asker.object(asked, ParaphraseDraft), lambda draft: draft.description)


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

    async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
        prompt = self._asker.render("validate", view)
        asked = Turn("validation", prompt, self._validation_max_tokens, attempt=attempt)
        answer = await self._asker.object(asked, WorkedAnswers)
        return mapped(answer, lambda worked: tuple(one.output for one in worked.answers))

    async def analyse(self, view: AnalystView, *, attempt: int = 0) -> Answer[Analysis]:
        prompt = self._asker.render("analyse", view)
        asked = Turn("analysis", prompt, self._analysis_max_tokens, attempt=attempt)
        answer = await self._asker.object(asked, AnalysisDraft)
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
