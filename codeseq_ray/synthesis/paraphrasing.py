"""An accepted problem in other words, k times, each telling solved m times: more SFT rows of one sequence (v1 §3).

A telling is a problem like any other: checked, validated and solved by the same steps, its programs judged on the
same cases. One that fails is left out with its reason and changes nothing of what was accepted before. Only trouble
that is no verdict passes through, so that the sequence is tried again as a whole.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.records import Call, Paraphrase, Reason, Solution, Stage
from codeseq_ray.synthesis.work import DecidedError, Team, Work, sound

RUN = 5
COPIED = 0.8
"""Share of its runs of words from which on a telling repeats another one. A rule that is told in formulas may stay as
it is; a weak model copies the whole scene, and leaves out a sentence."""
_OF_PARAPHRASES = "paraphrase"
"""First part of the stage of all their calls, so that what they cost can be told from the problem's own."""


class Paraphrasing:
    """The tellings of one accepted problem, side by side."""

    def __init__(self, team: Team, first: Work, *, seen_far: int) -> None:
        self._team, self._first, self._seen_far = team, first, seen_far
        self._tellings = [_Telling(number + 1, team, first) for number in range(team.settings.paraphrases)]

    async def run(self) -> None:
        """Ask for all tellings, then validate and solve those that are new."""
        await _side_by_side(telling.ask(self._first) for telling in self._tellings)
        self._tellings = [telling for telling in self._tellings if telling.asked]
        self._leave_repeats_out()
        await _side_by_side(telling.adopt() for telling in self._tellings)
        for telling in self._tellings:
            telling.answers = [
                _Answering(number + 1, telling.work.again(number))
                for number in range(self._team.settings.paraphrase_answers if telling.end is None else 0)
            ]
        await _side_by_side(
            answer.run(self._seen_far) for telling in self._tellings for answer in telling.answers
        )
        for telling in self._tellings:
            telling.leave_repeats_out()

    def _leave_repeats_out(self) -> None:
        assert self._first.problem is not None
        known = [_runs(self._first.problem.description)]
        for telling in self._tellings:
            if telling.text is None:
                continue
            runs = _runs(telling.text)
            copied = max(len(runs & others) for others in known) / len(runs)
            if copied >= COPIED:
                said = f"{copied:.0%} of its runs of {RUN} words stand in another telling"
                telling.end = DecidedError(Stage.PARAPHRASE, Reason.REPEATS_ANOTHER, said)
            known.append(runs)

    @property
    def told(self) -> tuple[Paraphrase, ...]:
        return tuple(telling.told for telling in self._tellings)

    @property
    def calls(self) -> tuple[Call, ...]:
        """All that was asked, telling by telling."""
        return tuple(
            call
            if call.stage.startswith(_OF_PARAPHRASES)
            else call.model_copy(update={"stage": f"{_OF_PARAPHRASES}.{call.stage}"})
            for telling in self._tellings
            for work in (telling.work, *(answer.work for answer in telling.answers))
            for call in work.calls
        )


class _Telling:
    """One paraphrase on its way."""

    def __init__(self, number: int, team: Team, first: Work) -> None:
        self.number = number
        self.work = Work(team, first.sequence, first.plain)
        self.work.stage = Stage.PARAPHRASE
        self.asked = True
        self.text: str | None = None
        self.end: DecidedError | None = None
        self.answers: list[_Answering] = []

    async def ask(self, first: Work) -> None:
        self.end = await _ended(self.work, self._ask(first))

    async def _ask(self, first: Work) -> None:
        assert first.problem is not None
        view = first.visibility().paraphraser(first.problem)
        answer = await self.work.working.paraphrase(view, sample=self.number - 1)
        if answer is None:
            self.asked = False
            return
        self.text = self.work.value(answer)
        self.work.problem = first.problem.model_copy(update={"description": self.text})

    async def adopt(self) -> None:
        if self.end is None and self.work.problem is not None:
            self.end = await _ended(self.work, self.work.adopt(self.work.problem))

    def leave_repeats_out(self) -> None:
        """Of answers that went the same way, the first is enough."""
        known = set()
        for answer in self.answers:
            if answer.end is None:
                way = tuple((made.program.source, made.program.process) for made in answer.work.rounds)
                if way in known:
                    why = "the same programs as an answer before"
                    answer.end = DecidedError(Stage.PARAPHRASE, Reason.REPEATS_ANOTHER, why)
                known.add(way)

    @property
    def told(self) -> Paraphrase:
        stage, reason, detail = _said(self.end)
        return Paraphrase(
            number=self.number,
            stage=stage,
            reason=reason,
            detail=detail,
            problem=self.work.problem,
            validated=self.work.validated,
            answers=tuple(answer.told for answer in self.answers),
        )


class _Answering:
    """One answer to a paraphrase on its way."""

    def __init__(self, number: int, work: Work) -> None:
        self.number, self.work = number, work
        self.end: DecidedError | None = None

    async def run(self, seen_far: int) -> None:
        self.end = await _ended(self.work, self._run(seen_far))

    async def _run(self, seen_far: int) -> None:
        # Mutants say how strong the cases are, and these are the accepted problem's.
        await self.work.accept(await self.work.solve(), seen_far=seen_far, mutants=0)

    @property
    def told(self) -> Solution:
        stage, reason, detail = _said(self.end)
        return Solution(
            number=self.number,
            stage=stage,
            reason=reason,
            detail=detail,
            rounds=tuple(self.work.rounds),
            acceptance=self.work.acceptance,
        )


async def _ended(work: Work, way: Awaitable[None]) -> DecidedError | None:
    """How it ended, None: well. Calls that trouble brings along are put down here."""
    try:
        await way
    except DecidedError as end:
        return end
    except InfrastructureError as trouble:
        work.account(trouble.calls)
        trouble.calls = ()
        raise
    return None


async def _side_by_side(ways: Iterable[Awaitable[None]]) -> None:
    """All to their ends, also where one of them meets trouble: what the others paid for is kept."""
    sound(await asyncio.gather(*ways, return_exceptions=True))


def _said(end: DecidedError | None) -> tuple[Stage, str, str]:
    return (Stage.ACCEPTANCE, "", "") if end is None else (end.stage, str(end.reason), end.detail)


def _runs(text: str) -> set[tuple[str, ...]]:
    """Its runs of `RUN` words, or all its words where there are fewer; never empty."""
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))}
