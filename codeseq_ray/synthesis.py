"""The loop of one sequence: problem → checks → validation → program → judge → reflection → acceptance → outcome.

One async function over the ports, the same on a laptop and in an actor. It never raises for a bad sequence: every
way out is an outcome with a reason and the whole trace. Infrastructure trouble ends in the outcome `failed`.
EndpointRefusedError and SandboxUnavailableError pass through: no other sequence would fare better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, Field

from codeseq_ray.agents.roles import Answer, GuidingAgent, WorkingAgent
from codeseq_ray.agents.visibility import Visibility, fit_window
from codeseq_ray.cases import divide
from codeseq_ray.checks import check
from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.acceptance import FEWEST_FAR, accept
from codeseq_ray.judging.verdicts import Manner, failing_case, judge
from codeseq_ray.ports import Executor, Limits
from codeseq_ray.records import (
    Acceptance,
    Analysis,
    Call,
    Cases,
    FailingCase,
    Outcome,
    Problem,
    Program,
    Reason,
    Round,
    Sequence,
    SequenceRecord,
    Split,
    Stage,
    Verdict,
)

T = TypeVar("T")


class SynthesisSettings(BaseModel):
    """How a problem is judged and how often a program may be corrected."""

    corrections: int = Field(
        5, ge=0, le=50, description="Rounds of correction before a program is given up (the papers: 5)."
    )
    validations: int = Field(
        2,
        ge=1,
        le=10,
        description="Tries that the guiding agent has to work the examples out (the papers: 2).",
    )
    cpu_seconds: float = Field(
        4.0, gt=0, description="CPU seconds that a program has per case, by its own clock."
    )
    memory_mb: int = Field(512, ge=64, description="Memory that a program may use, in MiB.")
    output_bytes: int = Field(1 << 20, ge=1, description="Bytes that a program may print per case.")
    seed: int = Field(0, description="Seed of every drawn choice: dropped terms, splits, samples.")


@dataclass(frozen=True)
class Assignment:
    """One sequence to work on, with what the plan and the ledger say of it."""

    sequence: Sequence
    split: Split
    family: str
    attempt: int = 1


class _DecidedError(Exception):
    """The sequence's outcome is settled: carries stage, reason and words out of the nested steps."""

    def __init__(self, stage: Stage, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.stage, self.reason, self.detail = stage, reason, detail


async def synthesise(
    assignment: Assignment,
    working: WorkingAgent,
    guiding: GuidingAgent,
    executor: Executor,
    settings: SynthesisSettings,
) -> SequenceRecord:
    """Work on one sequence to its outcome."""
    loop = _Loop(assignment, working, guiding, executor, settings)
    try:
        await loop.run()
    except _DecidedError as end:
        return loop.record(Outcome.REJECTED, end.stage, end.reason, end.detail)
    except InfrastructureError as trouble:
        return loop.record(Outcome.FAILED, loop.stage, Reason.INFRASTRUCTURE, str(trouble))
    return loop.record(Outcome.ACCEPTED, Stage.ACCEPTANCE)


class _Loop:
    """The state of one sequence on its way; all of it ends in the record."""

    def __init__(
        self,
        assignment: Assignment,
        working: WorkingAgent,
        guiding: GuidingAgent,
        executor: Executor,
        settings: SynthesisSettings,
    ) -> None:
        self.assignment = assignment
        self.working, self.guiding, self.executor, self.settings = working, guiding, executor, settings
        limits = Limits(
            cpu_seconds=settings.cpu_seconds,
            memory_mb=settings.memory_mb,
            output_bytes=settings.output_bytes,
        )
        self.manner = Manner(limits=limits, trusted=working.fits_terms and guiding.name == working.name)
        self.stage = Stage.CASES
        self.cases: Cases | None = None
        self.problem: Problem | None = None
        self.validated: tuple[str, ...] = ()
        self.rounds: list[Round] = []
        self.acceptance: Acceptance | None = None
        self.calls: list[Call] = []

    async def run(self) -> None:
        """Return when the sequence is accepted; raise _DecidedError when it is rejected."""
        sequence = self.assignment.sequence
        plain = divide(sequence, self.settings.seed)
        if plain is None:
            raise _DecidedError(Stage.CASES, Reason.TOO_FEW_TERMS_LEFT)
        seen_far = self._far_within_window(plain)
        if self.working.fits_terms and len(plain.far) - seen_far < FEWEST_FAR:
            raise _DecidedError(
                Stage.CASES, Reason.TOO_FEW_FAR_CASES, f"{len(plain.far) - seen_far} terms are left unseen"
            )
        self.stage = Stage.PROBLEM
        view = Visibility(sequence, plain, fitter=self.working.fits_terms).writer()
        problem = self._value(await self.working.write_problem(view))
        await self._adopt(problem, plain)

        self.stage = Stage.PROGRAM
        solver = self._visibility().solver(problem)
        program = self._value(await self.working.write_program(solver))
        program = await self._reflect(program, plain)

        self.stage = Stage.ACCEPTANCE
        assert self.cases is not None
        decision = await accept(
            self.executor,
            program,
            self.cases,
            self.manner,
            seen_far=seen_far,
        )
        self.acceptance = decision.checks
        if decision.reason:
            raise _DecidedError(Stage.ACCEPTANCE, decision.reason, decision.detail)

    async def _adopt(self, problem: Problem, plain: Cases) -> None:
        """Check and validate a problem; from here on it is the one to solve."""
        self.stage = Stage.CHECKS
        self.problem = problem
        checked = check(problem, self.assignment.sequence, plain)
        if checked.cases is None:
            raise _DecidedError(Stage.CHECKS, checked.reason, checked.detail)
        self.cases = checked.cases
        self.stage = Stage.VALIDATION
        expected = tuple(case.output for case in self.cases.examples)
        view = self._visibility().validator(problem)
        answer: Answer[tuple[str, ...]] | None = None
        for _ in range(self.settings.validations):
            answer = await self.guiding.validate(view)
            self.calls.extend(answer.calls)
            self.validated = answer.value or ()
            if tuple(output.strip() for output in self.validated) == expected:
                return
        assert answer is not None
        said = answer.why_none or f"worked out {list(self.validated)} instead of {list(expected)}"
        raise _DecidedError(Stage.VALIDATION, Reason.NOT_VALIDATED, said)

    async def _reflect(self, program: Program, plain: Cases) -> Program:
        """Judge and correct until a program passes all hidden cases or the rounds are used up."""
        for number in range(self.settings.corrections + 1):
            assert self.cases is not None
            assert self.problem is not None
            verdict = await judge(self.executor, program, self.cases.hidden, self.manner)
            if verdict.ok:
                self.rounds.append(Round(number=number, program=program, verdict=verdict))
                return program
            failing = failing_case(verdict, self.cases.hidden)
            if number == self.settings.corrections:
                self.rounds.append(Round(number=number, program=program, verdict=verdict, failing=failing))
                break
            self.stage = Stage.REFLECTION
            program = await self._correct(number, program, verdict, failing, plain)
        raise _DecidedError(
            Stage.REFLECTION, Reason.ROUNDS_USED_UP, f"input {failing.input}: {failing.message}"
        )

    async def _correct(
        self, number: int, program: Program, verdict: Verdict, failing: FailingCase, plain: Cases
    ) -> Program:
        """One round: why did it fail, and the next program."""
        assert self.problem is not None
        judged = Round(number=number, program=program, verdict=verdict, failing=failing)
        self.rounds.append(judged)
        analyst = self._visibility().analyst(self.problem, program, failing)
        analysis: Analysis = self._value(await self.guiding.analyse(analyst))
        self.rounds[-1] = judged.model_copy(update={"analysis": analysis})
        corrector = self._visibility().corrector(self.problem, program, failing, analysis)
        correction = self._value(await self.working.correct(corrector))
        if correction.problem is not None:
            # The stated rule itself was refuted (built-in agents): the new statement is checked like the first.
            await self._adopt(correction.problem, plain)
        self.stage = Stage.REFLECTION
        return correction.program

    def _far_within_window(self, plain: Cases) -> int:
        if not self.working.fits_terms:
            return 0
        sequence = self.assignment.sequence
        window = len(fit_window(sequence))
        before_far = len(sequence.terms) + len(sequence.more_terms) - len(plain.far)
        return min(len(plain.far), max(0, window - before_far))

    def _visibility(self) -> Visibility:
        assert self.cases is not None
        return Visibility(self.assignment.sequence, self.cases, fitter=self.working.fits_terms)

    def _value(self, answer: Answer[T]) -> T:
        self.calls.extend(answer.calls)
        if answer.value is None:
            raise _DecidedError(self.stage, answer.reason or Reason.UNUSABLE_ANSWER, answer.why_none)
        return answer.value

    def record(self, outcome: Outcome, stage: Stage, reason: str = "", detail: str = "") -> SequenceRecord:
        names = dict.fromkeys((self.working.name, self.guiding.name))
        return SequenceRecord(
            sequence=self.assignment.sequence,
            split=self.assignment.split,
            family=self.assignment.family,
            attempt=self.assignment.attempt,
            agents="+".join(names),
            outcome=outcome,
            stage=stage,
            reason=str(reason),
            detail=detail,
            cases=self.cases,
            problem=self.problem,
            validated=self.validated,
            rounds=tuple(self.rounds),
            acceptance=self.acceptance,
            calls=tuple(self.calls),
        )
