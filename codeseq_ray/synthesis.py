"""The loop of one sequence: filter → problem → checks → validation → program → judge → reflection → acceptance.

One async function over the ports, the same on a laptop and in an actor. It never raises for a bad sequence: every
way out is an outcome with a reason and the whole trace. Infrastructure trouble ends in the outcome `failed`.
EndpointRefusedError, SandboxUnavailableError and RunStoppedError pass through: no other sequence would fare better.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, Field

from codeseq_ray.agents.roles import Answer, Correction, GuidingAgent, WorkingAgent
from codeseq_ray.agents.visibility import Visibility, WriterView, fit_window
from codeseq_ray.cases import divide
from codeseq_ray.checks import check
from codeseq_ray.errors import InfrastructureError, StoreError
from codeseq_ray.judging.acceptance import FEWEST_FAR, accept
from codeseq_ray.judging.verdicts import Manner, failing_case, judge
from codeseq_ray.ports import Executor, Limits
from codeseq_ray.records import (
    Acceptance,
    Call,
    Candidate,
    Cases,
    Earlier,
    Outcome,
    Problem,
    Program,
    Reason,
    Round,
    Screening,
    Sequence,
    SequenceRecord,
    Split,
    Stage,
)

T = TypeVar("T")


class SynthesisSettings(BaseModel):
    """How a problem is judged and how often a program may be corrected."""

    agent_filter: bool = Field(
        True,
        description="Let the working agent judge each entry first, with one reflection (as the papers do). "
        "Only models do; the built-in agents keep all.",
    )
    corrections: int = Field(
        5, ge=0, le=50, description="Rounds of correction before a program is given up (the papers: 5)."
    )
    fresh_start_after: int | None = Field(
        None,
        ge=0,
        description="After so many failed corrections in a row, a model writes the program anew from the "
        "problem alone. Default: never, as in the papers.",
    )
    candidates: int = Field(
        1,
        ge=1,
        le=64,
        description="Programs that a model is asked for in each round, side by side; the first that passes wins.",
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
    mutants: int = Field(
        6,
        ge=0,
        le=1000,
        description="Mutants of each accepted program that are run on its hidden cases, at most: the share that "
        "these find says how strong they are. 0: none.",
    )
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


async def synthesise_in_turn(
    assignment: Assignment,
    pairs: tuple[tuple[WorkingAgent, GuidingAgent], ...],
    executor: Executor,
    settings: SynthesisSettings,
) -> SequenceRecord:
    """Work with one pair after the other until one does not reject the sequence; the last one's outcome counts.

    The record keeps which pairs gave up before, and why, and all their calls.
    """
    earlier: tuple[Earlier, ...] = ()
    calls: tuple[Call, ...] = ()
    for working, guiding in pairs:
        record = await synthesise(assignment, working, guiding, executor, settings)
        calls += record.calls
        record = record.model_copy(update={"earlier": earlier, "calls": calls})
        if record.outcome is not Outcome.REJECTED:
            break
        gave_up = Earlier(
            agents=record.agents, stage=record.stage, reason=record.reason, detail=record.detail
        )
        earlier += (gave_up,)
    return record


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
        if not _is_of_one_sequence(trouble):
            raise
        loop.account(trouble.calls)
        return loop.record(Outcome.FAILED, loop.stage, Reason.INFRASTRUCTURE, str(trouble))
    return loop.record(Outcome.ACCEPTED, Stage.ACCEPTANCE)


class _UnusableError(_DecidedError):
    """An agent's answer of which nothing can be made. A correction's uses up its round, any other ends the way."""


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
        self.manner = Manner(limits=limits, trusted=working.by_rule)
        self.stage = Stage.CASES
        self.asking_for = 0
        """The round that calls are put down to."""
        self.screening: Screening | None = None
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
        view = Visibility(sequence, plain, fitter=self.working.fits_terms).writer()
        await self._screen(view)
        self.stage = Stage.PROBLEM
        await self._adopt(self._value(await self.working.write_problem(view)), plain)
        program = await self._solve(plain)

        self.stage = Stage.ACCEPTANCE
        assert self.cases is not None
        decision = await accept(
            self.executor,
            program,
            self.cases,
            self.manner,
            seen_far=seen_far,
            mutants=self.settings.mutants,
        )
        self.acceptance = decision.checks
        if decision.reason:
            raise _DecidedError(Stage.ACCEPTANCE, decision.reason, decision.detail)

    async def _screen(self, view: WriterView) -> None:
        """Is the entry worth a problem, in the working agent's eyes?"""
        if not self.settings.agent_filter:
            return
        self.stage = Stage.FILTER
        answer = await self.working.filter(view)
        if answer is None:
            return
        self.screening = self._value(answer)
        if not self.screening.keep:
            raise _DecidedError(Stage.FILTER, Reason.FILTERED_OUT, self.screening.reason)

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
        reason, said = "", ""
        for attempt in range(self.settings.validations):
            answer = await self.guiding.validate(view, attempt=attempt)
            self.account(answer.calls)
            self.validated = answer.value or ()
            if tuple(output.strip() for output in self.validated) == expected:
                return
            if answer.value is None:
                reason, said = reason or answer.reason, answer.why_none
            else:
                reason = Reason.NOT_VALIDATED
                said = f"worked out {list(self.validated)} instead of {list(expected)}"
        raise _DecidedError(Stage.VALIDATION, reason or Reason.NOT_VALIDATED, said)

    async def _solve(self, plain: Cases) -> Program:
        """Write, judge and correct programs until one passes all its cases or the rounds are used up."""
        self.stage = Stage.PROGRAM
        latest = await self._round(0, await self._written_anew(0))
        repairs = 0  # since a program was last written from the problem alone
        spoilt: _UnusableError | None = None
        for number in range(1, self.settings.corrections + 1):
            if latest.verdict.ok:
                break
            self.stage = Stage.REFLECTION
            fresh = repairs == self.settings.fresh_start_after and not self.working.by_rule
            repairs = 0 if fresh else repairs + 1
            try:
                programs = await (self._written_anew(number) if fresh else self._corrected(number, plain))
            except _UnusableError as error:
                if self.working.by_rule or error.reason == Reason.PROMPT_TOO_LONG:
                    raise  # asked again, they would say the same
                spoilt = error  # the round is used up, and the next one is asked with the same failure
                continue
            spoilt = None
            latest = await self._round(number, programs, fresh=fresh)
        if latest.failing is None:
            return latest.program
        if spoilt is not None:
            raise spoilt
        at = latest.failing
        self.stage = Stage.REFLECTION
        raise _DecidedError(self.stage, Reason.ROUNDS_USED_UP, f"input {at.input}: {at.message}")

    async def _written_anew(self, number: int) -> list[Program]:
        """Candidates for a round, from the problem alone."""
        assert self.problem is not None
        self.asking_for = number
        view = self._visibility().solver(self.problem)
        return self._usable(
            await self._all(
                self.working.write_program(view, sample=sample, attempt=number) for sample in self._samples
            )
        )

    async def _corrected(self, number: int, plain: Cases) -> list[Program]:
        """Candidates for a round: why did the last program fail, and what to write instead."""
        failed = self.rounds[-1]
        assert self.problem is not None
        assert failed.failing is not None
        analysis = failed.analysis
        if analysis is None:
            analyst = self._visibility().analyst(self.problem, failed.program, failed.failing)
            analysis = self._value(await self.guiding.analyse(analyst, attempt=number - 1))
            self.rounds[-1] = failed.model_copy(update={"analysis": analysis})
        self.asking_for = number
        view = self._visibility().corrector(self.problem, failed.program, failed.failing, analysis)
        corrections: list[Correction] = self._usable(
            await self._all(
                self.working.correct(view, sample=sample, attempt=self.asking_for) for sample in self._samples
            )
        )
        if corrections[0].problem is not None:
            # The stated rule itself was refuted (built-in agents, which are asked for one program): the new
            # statement is checked like the first.
            await self._adopt(corrections[0].problem, plain)
            self.stage = Stage.REFLECTION
        return [correction.program for correction in corrections]

    async def _round(self, number: int, programs: list[Program], *, fresh: bool = False) -> Round:
        """Judge candidates, each source once; the first that passes, else the one that passed most, goes on.

        The examples come after the hidden cases: a program that is wrong on what the problem shows is no solution.
        """
        assert self.cases is not None
        judged_on = (*self.cases.hidden, *self.cases.examples)
        sources = {program.source: program for program in programs}
        verdicts = await asyncio.gather(
            *(judge(self.executor, program, judged_on, self.manner) for program in sources.values()),
            return_exceptions=True,
        )
        of = dict(zip(sources, _sound(verdicts), strict=True))
        judged = [Candidate(program=program, verdict=of[program.source]) for program in programs]
        best = max(judged, key=lambda one: (one.verdict.ok, one.verdict.passed))
        ended = Round(
            number=number,
            program=best.program,
            verdict=best.verdict,
            failing=None if best.verdict.ok else failing_case(best.verdict, judged_on),
            fresh=fresh,
            others=tuple(one for one in judged if one is not best),
        )
        self.rounds.append(ended)
        return ended

    @property
    def _samples(self) -> range:
        return range(1 if self.working.by_rule else self.settings.candidates)

    def _far_within_window(self, plain: Cases) -> int:
        if not self.working.fits_terms:
            return 0
        sequence = self.assignment.sequence
        window = len(fit_window(sequence))
        before_far = len(sequence.terms) + len(sequence.more_terms) - len(plain.far)
        return min(len(plain.far), max(0, window - before_far))

    def _visibility(self) -> Visibility:
        """Of those who work on the problem: a corrector gets the window only where no model is asked."""
        assert self.cases is not None
        return Visibility(self.assignment.sequence, self.cases, fitter=self.working.by_rule)

    async def _all(self, asked: Iterable[Awaitable[Answer[T]]]) -> list[Answer[T]]:
        """The answers to questions put side by side. Of those whose fellows met trouble, the calls are kept."""
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, Answer | InfrastructureError):
                self.account(answer.calls)
            if isinstance(answer, InfrastructureError):
                answer.calls = ()
        return _sound(answers)

    def _usable(self, answers: list[Answer[T]]) -> list[T]:
        """The values; where there is none at all, the sequence ends with the first answer's reason."""
        values = [answer.value for answer in answers if answer.value is not None]
        if not values:
            raise self._unusable(answers[0])
        return values

    def _value(self, answer: Answer[T]) -> T:
        self.account(answer.calls)
        if answer.value is None:
            raise self._unusable(answer)
        return answer.value

    def _unusable(self, answer: Answer[T]) -> _UnusableError:
        return _UnusableError(self.stage, answer.reason or Reason.UNUSABLE_ANSWER, answer.why_none)

    def account(self, calls: Iterable[Call]) -> None:
        """Put calls down to the round that they were made for."""
        self.calls.extend(call.model_copy(update={"round": self.asking_for}) for call in calls)

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
            screening=self.screening,
            cases=self.cases,
            problem=self.problem,
            validated=self.validated,
            rounds=tuple(self.rounds),
            acceptance=self.acceptance,
            calls=tuple(self.calls),
        )


def _sound(results: Iterable[T | BaseException]) -> list[T]:
    """All results; or the worst of the errors among them: one that is no mere infrastructure trouble comes first."""
    results = list(results)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=_is_of_one_sequence)
    return [result for result in results if not isinstance(result, BaseException)]


def _is_of_one_sequence(error: BaseException) -> bool:
    """Trouble that another sequence may not meet: a store that fails, fails for all."""
    return isinstance(error, InfrastructureError) and not isinstance(error, StoreError)
