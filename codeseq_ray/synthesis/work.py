"""One problem of a sequence on its way: checks → validation → program → judge → reflection → acceptance.

`loop` walks this way with the problem that it had written, and `paraphrasing` with each paraphrase of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from codeseq_ray.agents.roles import Answer, Correction, GuidingAgent, WorkingAgent
from codeseq_ray.agents.visibility import Visibility
from codeseq_ray.checks import check
from codeseq_ray.errors import InfrastructureError, StoreError
from codeseq_ray.judging.acceptance import accept
from codeseq_ray.judging.verdicts import Manner, failing_case, judge
from codeseq_ray.ports import Executor, Limits
from codeseq_ray.records import (
    Acceptance,
    Call,
    Candidate,
    Cases,
    Problem,
    Program,
    Reason,
    Round,
    Sequence,
    Stage,
)
from codeseq_ray.synthesis.settings import SynthesisSettings

T = TypeVar("T")


class DecidedError(Exception):
    """It is settled what becomes of the work: carries stage, reason and words out of the nested steps."""

    def __init__(self, stage: Stage, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.stage, self.reason, self.detail = stage, reason, detail


class _UnusableError(DecidedError):
    """An agent's answer of which nothing can be made. A correction's uses up its round, any other ends the way."""


def unseen(stage: Stage) -> None:
    """Nobody follows."""
    return


@dataclass(frozen=True)
class Team:
    """Who works on a sequence, and by which settings."""

    working: WorkingAgent
    guiding: GuidingAgent
    executor: Executor
    settings: SynthesisSettings
    moved: Callable[[Stage], None] = unseen
    """Told each stage that a problem of this team comes to; may neither wait nor raise."""

    @property
    def names(self) -> str:
        return "+".join(dict.fromkeys((self.working.name, self.guiding.name)))

    @property
    def manner(self) -> Manner:
        limits = Limits(
            cpu_seconds=self.settings.cpu_seconds,
            memory_mb=self.settings.memory_mb,
            output_bytes=self.settings.output_bytes,
        )
        return Manner(limits=limits, trusted=self.working.by_rule)


class Work:
    """The state of one problem on its way; all of it ends in the record."""

    def __init__(self, team: Team, sequence: Sequence, plain: Cases | None, *, answer: int = 0) -> None:
        """`plain`: the cases as the entry counts them; None: there are too few. `answer`: which of several answers to
        one problem this is, from 0."""
        self.team, self.sequence, self.plain = team, sequence, plain
        self.working, self.guiding = team.working, team.guiding
        self.executor, self.settings, self.manner = team.executor, team.settings, team.manner
        self.stage = Stage.CASES
        self.asking_for = 0
        """The round that calls are put down to."""
        self.cases: Cases | None = None
        self.problem: Problem | None = None
        self.validated: tuple[str, ...] = ()
        self.rounds: list[Round] = []
        self.acceptance: Acceptance | None = None
        self.calls: list[Call] = []
        candidates = 1 if self.working.by_rule else self.settings.candidates
        self._samples = range(answer * candidates, (answer + 1) * candidates)

    @property
    def stage(self) -> Stage:
        return self._stage

    @stage.setter
    def stage(self, stage: Stage) -> None:
        self._stage = stage
        self.team.moved(stage)

    def again(self, answer: int) -> Work:
        """The same problem, checked and validated, to be solved once more."""
        other = Work(self.team, self.sequence, self.plain, answer=answer)
        other.stage = self.stage
        other.problem, other.cases, other.validated = self.problem, self.cases, self.validated
        return other

    async def adopt(self, problem: Problem) -> None:
        """Check and validate a problem; from here on it is the one to solve."""
        self.stage = Stage.CHECKS
        self.problem = problem
        assert self.plain is not None
        checked = check(problem, self.sequence, self.plain)
        if checked.cases is None:
            raise DecidedError(Stage.CHECKS, checked.reason, checked.detail)
        self.cases = checked.cases
        self.stage = Stage.VALIDATION
        expected = tuple(case.output for case in self.cases.examples)
        view = self.visibility().validator(problem)
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
        raise DecidedError(Stage.VALIDATION, reason or Reason.NOT_VALIDATED, said)

    async def solve(self) -> Program:
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
                programs = await (self._written_anew(number) if fresh else self._corrected(number))
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
        raise DecidedError(self.stage, Reason.ROUNDS_USED_UP, f"input {at.input}: {at.message}")

    async def _written_anew(self, number: int) -> list[Program]:
        """Candidates for a round, from the problem alone."""
        assert self.problem is not None
        self.asking_for = number
        view = self.visibility().solver(self.problem)
        return self._usable(
            await self._all(
                self.working.write_program(view, sample=sample, attempt=number) for sample in self._samples
            )
        )

    async def _corrected(self, number: int) -> list[Program]:
        """Candidates for a round: why did the last program fail, and what to write instead."""
        failed = self.rounds[-1]
        assert self.problem is not None
        assert failed.failing is not None
        analysis = failed.analysis
        if analysis is None:
            analyst = self.visibility().analyst(self.problem, failed.program, failed.failing)
            analysis = self.value(await self.guiding.analyse(analyst, attempt=number - 1))
            self.rounds[-1] = failed.model_copy(update={"analysis": analysis})
        self.asking_for = number
        view = self.visibility().corrector(self.problem, failed.program, failed.failing, analysis)
        corrections: list[Correction] = self._usable(
            await self._all(
                self.working.correct(view, sample=sample, attempt=self.asking_for) for sample in self._samples
            )
        )
        if corrections[0].problem is not None:
            # The stated rule itself was refuted (built-in agents, which are asked for one program): the new
            # statement is checked like the first.
            await self.adopt(corrections[0].problem)
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
        of = dict(zip(sources, sound(verdicts), strict=True))
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

    async def accept(self, program: Program, *, seen_far: int, mutants: int) -> None:
        """Check beyond the hidden cases; raise DecidedError where it does not hold."""
        self.stage = Stage.ACCEPTANCE
        assert self.cases is not None
        decision = await accept(
            self.executor, program, self.cases, self.manner, seen_far=seen_far, mutants=mutants
        )
        self.acceptance = decision.checks
        if decision.reason:
            raise DecidedError(Stage.ACCEPTANCE, decision.reason, decision.detail)

    def visibility(self) -> Visibility:
        """Of those who work on the problem: a corrector gets the window only where no model is asked."""
        assert self.cases is not None
        return Visibility(self.sequence, self.cases, fitter=self.working.by_rule)

    async def _all(self, asked: Iterable[Awaitable[Answer[T]]]) -> list[Answer[T]]:
        """The answers to questions put side by side. Of those whose fellows met trouble, the calls are kept."""
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, Answer | InfrastructureError):
                self.account(answer.calls)
            if isinstance(answer, InfrastructureError):
                answer.calls = ()
        return sound(answers)

    def _usable(self, answers: list[Answer[T]]) -> list[T]:
        """The values; where there is none at all, the sequence ends with the first answer's reason."""
        values = [answer.value for answer in answers if answer.value is not None]
        if not values:
            raise self._unusable(answers[0])
        return values

    def value(self, answer: Answer[T]) -> T:
        """What was answered, paid for; raise DecidedError where it is of no use."""
        self.account(answer.calls)
        if answer.value is None:
            raise self._unusable(answer)
        return answer.value

    def _unusable(self, answer: Answer[T]) -> _UnusableError:
        return _UnusableError(self.stage, answer.reason or Reason.UNUSABLE_ANSWER, answer.why_none)

    def account(self, calls: Iterable[Call]) -> None:
        """Put calls down to the round that they were made for."""
        self.calls.extend(call.model_copy(update={"round": self.asking_for}) for call in calls)


def sound(results: Iterable[T | BaseException]) -> list[T]:
    """All results; or the worst of the errors among them: one that is no mere infrastructure trouble comes first."""
    results = list(results)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=is_of_one_sequence)
    return [result for result in results if not isinstance(result, BaseException)]


def is_of_one_sequence(error: BaseException) -> bool:
    """Trouble that another sequence may not meet: a store that fails, fails for all."""
    return isinstance(error, InfrastructureError) and not isinstance(error, StoreError)
