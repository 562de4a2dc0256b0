"""The loop of one sequence: filter → problem → its way to a program (`work`) → paraphrases.

One async function over the ports, the same on a laptop and in an actor. It never raises for a bad sequence: every
way out is an outcome with a reason and the whole trace. Infrastructure trouble ends in the outcome `failed`.
EndpointRefusedError, SandboxUnavailableError and RunStoppedError pass through: no other sequence would fare better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from codeseq_ray.agents.roles import GuidingAgent, WorkingAgent
from codeseq_ray.agents.visibility import Visibility, WriterView, fit_window
from codeseq_ray.cases import divide
from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.acceptance import FEWEST_FAR
from codeseq_ray.ports import Executor
from codeseq_ray.records import (
    Call,
    Cases,
    Earlier,
    Outcome,
    Paraphrase,
    Reason,
    Screening,
    Sequence,
    SequenceRecord,
    Split,
    Stage,
)
from codeseq_ray.synthesis.paraphrasing import Paraphrasing
from codeseq_ray.synthesis.settings import SynthesisSettings
from codeseq_ray.synthesis.work import DecidedError, Team, Work, is_of_one_sequence, unseen


@dataclass(frozen=True)
class Assignment:
    """One sequence to work on, with what the plan and the ledger say of it."""

    sequence: Sequence
    split: Split
    family: str
    attempt: int = 1


async def synthesise_in_turn(
    assignment: Assignment,
    pairs: tuple[tuple[WorkingAgent, GuidingAgent], ...],
    executor: Executor,
    settings: SynthesisSettings,
    *,
    ended: Callable[[SequenceRecord], None] = lambda record: None,
    moved: Callable[[Stage], None] = unseen,
) -> SequenceRecord:
    """Work with one pair after the other until one does not reject the sequence; the last one's outcome counts.

    The record keeps which pairs gave up before, and why, and all their calls. `ended` gets what each pair came to,
    `moved` each stage that the sequence comes to; they may neither wait nor raise.
    """
    earlier: tuple[Earlier, ...] = ()
    calls: tuple[Call, ...] = ()
    for working, guiding in pairs:
        record = await synthesise(assignment, working, guiding, executor, settings, moved)
        ended(record)
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
    moved: Callable[[Stage], None] = unseen,
) -> SequenceRecord:
    """Work on one sequence to its outcome."""
    loop = _Loop(assignment, Team(working, guiding, executor, settings, moved))
    try:
        await loop.run()
    except DecidedError as end:
        return loop.record(Outcome.REJECTED, end.stage, end.reason, end.detail)
    except InfrastructureError as trouble:
        if not is_of_one_sequence(trouble):
            raise
        loop.work.account(trouble.calls)  # those of paraphrases are with them already
        return loop.record(Outcome.FAILED, loop.stage, Reason.INFRASTRUCTURE, str(trouble))
    return loop.record(Outcome.ACCEPTED, Stage.ACCEPTANCE)


class _Loop:
    """One sequence on its way; all of it ends in the record."""

    def __init__(self, assignment: Assignment, team: Team) -> None:
        self.assignment, self.team = assignment, team
        self.screening: Screening | None = None
        self.paraphrasing: Paraphrasing | None = None

        self.work = Work(team, assignment.sequence, divide(assignment.sequence, team.settings.seed))

    @property
    def stage(self) -> Stage:
        return Stage.PARAPHRASE if self.paraphrasing else self.work.stage

    async def run(self) -> None:
        """Return when the sequence is accepted; raise DecidedError when it is rejected."""
        work, team = self.work, self.team
        plain = work.plain
        if plain is None:
            raise DecidedError(Stage.CASES, Reason.TOO_FEW_TERMS_LEFT)
        # Terms that differ may all have been dropped at the head: 1, 5, 6, 6, 6, … is 6, 6, 6, … then.
        if len(outputs := {case.output for case in (*plain.examples, *plain.hidden)}) == 1:
            raise DecidedError(Stage.CASES, Reason.CASES_ALIKE, f"all of them give {outputs.pop()}")
        seen_far = self._far_within_window(plain)
        if team.working.fits_terms and len(plain.far) - seen_far < FEWEST_FAR:
            raise DecidedError(
                Stage.CASES, Reason.TOO_FEW_FAR_CASES, f"{len(plain.far) - seen_far} terms are left unseen"
            )
        view = Visibility(work.sequence, plain, fitter=team.working.fits_terms).writer()
        await self._screen(view)
        work.stage = Stage.PROBLEM
        await work.adopt(work.value(await team.working.write_problem(view)))
        await work.accept(await work.solve(), seen_far=seen_far, mutants=team.settings.mutants)
        if team.settings.paraphrases and self.assignment.split is Split.SFT:
            team.moved(Stage.PARAPHRASE)
            # Where one of many tellings is says nothing of where the sequence is.
            self.paraphrasing = Paraphrasing(replace(team, moved=unseen), work, seen_far=seen_far)
            await self.paraphrasing.run()

    async def _screen(self, view: WriterView) -> None:
        """Is the entry worth a problem, in the working agent's eyes?"""
        if not self.team.settings.agent_filter:
            return
        self.work.stage = Stage.FILTER
        answer = await self.team.working.filter(view)
        if answer is None:
            return
        self.screening = self.work.value(answer)
        if not self.screening.keep:
            raise DecidedError(Stage.FILTER, Reason.FILTERED_OUT, self.screening.reason)

    def _far_within_window(self, plain: Cases) -> int:
        if not self.team.working.fits_terms:
            return 0
        sequence = self.assignment.sequence
        window = len(fit_window(sequence))
        before_far = len(sequence.terms) + len(sequence.more_terms) - len(plain.far)
        return min(len(plain.far), max(0, window - before_far))

    def record(self, outcome: Outcome, stage: Stage, reason: str = "", detail: str = "") -> SequenceRecord:
        work = self.work
        paraphrases: tuple[Paraphrase, ...] = ()
        calls: tuple[Call, ...] = tuple(work.calls)
        if self.paraphrasing is not None:
            paraphrases = self.paraphrasing.told
            calls += self.paraphrasing.calls
        return SequenceRecord(
            sequence=self.assignment.sequence,
            split=self.assignment.split,
            family=self.assignment.family,
            attempt=self.assignment.attempt,
            agents=self.team.names,
            outcome=outcome,
            stage=stage,
            reason=str(reason),
            detail=detail,
            screening=self.screening,
            cases=work.cases,
            problem=work.problem,
            validated=work.validated,
            rounds=tuple(work.rounds),
            acceptance=work.acceptance,
            paraphrases=paraphrases,
            calls=calls,
        )
