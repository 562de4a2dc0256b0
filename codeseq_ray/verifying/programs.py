"""Programs of a release, run again. No agent's word counts, and nothing of a release is trusted: all walls stand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.acceptance import judge_far
from codeseq_ray.judging.confirmation import HASH_SEED, second_run, with_room
from codeseq_ray.judging.lookup import lookup_table
from codeseq_ray.judging.mutants import strength
from codeseq_ray.judging.verdicts import SHOWN, Manner, judge
from codeseq_ray.ports import Executor
from codeseq_ray.records import Case, Program, Reason, Stage, Verdict, VerdictKind
from codeseq_ray.store.released import Row
from codeseq_ray.verifying.findings import Code, Finding

LIMITED = {VerdictKind.TIME_LIMIT, VerdictKind.MEMORY_LIMIT}
"""Verdicts that another machine need not repeat."""

ACCEPTED = ("problems", "paraphrases")
"""Configs whose programs passed."""

_Judge = Callable[[Executor, Program, Sequence[Case], Manner], Coroutine[Any, Any, Verdict]]


@dataclass(frozen=True)
class Rerun:
    """What running one row's program again showed."""

    findings: tuple[Finding, ...] = ()
    walls: tuple[str, ...] = ()
    """Around the run; none where the program got no judgement."""


def can_run(config: str, row: Row) -> bool:
    """Whether a row of `problems`, `paraphrases` or `rejected` holds a program and something to run it on."""
    if config in ACCEPTED:
        return True
    return row["program"] is not None and (row["failing_input"] is not None or bool(row["cases"]))


async def rerun(
    executor: Executor, config: str, row: Row, manner: Manner, mutants: int | None = None
) -> Rerun:
    """Run a row again as the run did, and up to `mutants` of an accepted problem's program.

    None: no mutants are made, and what the row says of them is not checked. Raises UsageError where the walls do not
    stand.
    """
    again = _Again(executor, f"{config} {row['sequence_id']}", Program(source=row["program"]), manner)
    try:
        if config in ACCEPTED:
            await again.accepted(row, mutants if config == "problems" else None)
        else:
            await again.rejected(row)
    except InfrastructureError as error:
        again.say(Code.UNJUDGED, str(error))
    return Rerun(tuple(again.findings), again.walls)


class _Again:
    """One program and what was found of it so far."""

    def __init__(self, executor: Executor, where: str, program: Program, manner: Manner) -> None:
        self._executor, self._where, self._program, self._manner = executor, where, program, manner
        self.findings: list[Finding] = []
        self.walls: tuple[str, ...] = ()

    def say(self, code: Code, said: str) -> None:
        self.findings.append(Finding(code, self._where, said))

    async def accepted(self, row: Row, mutants: int | None) -> None:
        examples, hidden, far = (_cases(row[name]) for name in ("examples", "cases", "far_cases"))
        checked = far[: row["far_checked"]]
        await self._passes(Code.EXAMPLE_FAILS, examples)
        if await self._passes(Code.CASE_FAILS, hidden):
            again = await second_run(self._executor, self._program, hidden, self._manner)
            self._hold(Code.NOT_DETERMINISTIC, again, hidden)
            if again.ok and mutants is not None:
                await self._strength(row, hidden, again, mutants)
        await self._passes(Code.FAR_CASE_FAILS, checked, judge_far)
        if table := lookup_table(self._program.source, (*examples, *hidden, *checked)):
            self.say(Code.LOOKUP_TABLE, table)

    async def _strength(self, row: Row, hidden: Sequence[Case], passed: Verdict, mutants: int) -> None:
        """As many mutants, and as many of them killed, but for those that a limit decides over."""
        most = mutants if "seccomp" in row["walls"] else 0
        found = await strength(self._executor, self._program, hidden, self._manner, most, passed)
        made, killed = row["mutants"], row["mutants_killed"]
        if (found.mutants, found.killed) != (made, killed):
            elsewhere = found.mutants == made and found.fewest <= killed <= found.most
            said = (
                f"{found.killed} of {found.mutants} mutants are killed; the release says {killed} of {made}"
            )
            self.say(Code.NOTE if elsewhere else Code.MUTANTS, said)

    async def rejected(self, row: Row) -> None:
        """It still fails on the case that it failed on, in the same way; what it passed before that, it passes."""
        if row["failing_input"] is not None and row["failing_expected"] is not None:
            await self._fails(row)
        by_chance = row["reason"] == Reason.NONDETERMINISTIC  # what it passed once it need not pass again
        if row["stage"] == Stage.ACCEPTANCE and row["cases"] and not by_chance:
            await self._passes(Code.REJECTED_DIFFERS, _cases(row["cases"]))
        if row["reason"] == Reason.LOOKUP_TABLE and not any(
            lookup_table(self._program.source, reached) for reached in _reached(row)
        ):
            self.say(Code.REJECTED_PASSES, "is rejected as a look-up table, and is none")

    async def _passes(self, code: Code, cases: Sequence[Case], judge_: _Judge = judge) -> bool:
        """Once within the limits, it may need more of them on another machine."""
        if not cases:
            return True
        verdict = await judge_(self._executor, self._program, cases, self._manner)
        if verdict.kind in LIMITED:
            roomy = replace(self._manner, limits=with_room(self._manner.limits))
            tight, verdict = verdict, await judge_(self._executor, self._program, cases, roomy)
            if verdict.ok:
                at = cases[tight.failing_case or 0]
                self.say(
                    Code.NOTE, f"input {_cut(at.input)}: {tight.kind.value} here, and passed with more room"
                )
        self.walls = self.walls or verdict.walls
        self._hold(code, verdict, cases)
        return verdict.ok

    def _hold(self, code: Code, verdict: Verdict, cases: Sequence[Case]) -> None:
        if not verdict.ok:
            at = cases[verdict.failing_case or 0]
            self.say(code, f"input {_cut(at.input)}: expected {_cut(at.output)!r}, {_words(verdict)}")

    async def _fails(self, row: Row) -> None:
        case = Case(input=row["failing_input"], output=row["failing_expected"])
        verdict = await judge(self._executor, self._program, [case], self._manner)
        self.walls = self.walls or verdict.walls
        told, got = row["verdict"], (row["failing_got"] or "")[:SHOWN]
        if verdict.kind == told and (told != VerdictKind.WRONG_ANSWER or verdict.got == got):
            return
        said = f"input {_cut(case.input)}: {_words(verdict)}; the release says {told}, printed {_cut(got)!r}"
        if told == VerdictKind.NONDETERMINISTIC or told in LIMITED or verdict.kind in LIMITED:
            self.say(Code.NOTE, said)
            return
        other = await judge(self._executor, self._program, [case], replace(self._manner, hash_seed=HASH_SEED))
        if (other.kind, other.got) != (verdict.kind, verdict.got):
            self.say(Code.NOTE, f"{said}; and once more: {_words(other)}")
            return
        self.say(Code.REJECTED_PASSES if verdict.ok else Code.REJECTED_DIFFERS, said)


def _reached(row: Row) -> Iterator[list[Case]]:
    """The cases that a look-up table was sought against: all that were checked, without the last where it failed."""
    before = _cases((*(row["examples"] or ()), *(row["cases"] or ())))
    far = _cases(row["far_cases"] or ())
    for count in sorted({row["far_checked"], max(0, row["far_checked"] - 1)}, reverse=True):
        yield [*before, *far[:count]]


def _words(verdict: Verdict) -> str:
    message = f" ({_cut(verdict.message)})" if verdict.message else ""
    return f"{verdict.kind.value}, printed {_cut(verdict.got)!r}{message}"


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}…"


def _cases(group: Sequence[dict[str, Any]]) -> list[Case]:
    return [Case(input=case["input"], output=case["output"]) for case in group]
