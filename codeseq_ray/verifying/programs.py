"""Programs of a release, run again. No agent's word counts, and nothing of a release is trusted: all walls stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.acceptance import judge_far
from codeseq_ray.judging.confirmation import second_run
from codeseq_ray.judging.lookup import lookup_table
from codeseq_ray.judging.verdicts import SHOWN, Manner, judge
from codeseq_ray.ports import Executor
from codeseq_ray.records import Case, Program, Verdict, VerdictKind
from codeseq_ray.verifying.findings import Code, Finding
from codeseq_ray.verifying.published import Row

BORDERLINE = {VerdictKind.TIME_LIMIT, VerdictKind.MEMORY_LIMIT, VerdictKind.NONDETERMINISTIC}
"""Verdicts that another machine, or another moment, need not repeat: a rejection for them is not held to it."""


@dataclass(frozen=True)
class Rerun:
    """What running one row's program again showed."""

    findings: tuple[Finding, ...] = ()
    walls: tuple[str, ...] = ()
    ran: bool = True
    note: str = ""
    """What is so otherwise, and is no fault of the release."""


async def rerun(executor: Executor, config: str, row: Row, manner: Manner) -> Rerun:
    """Run a row of `problems` or `rejected` again."""
    again = _accepted if config == "problems" else _rejected
    try:
        return await again(executor, row, replace(manner, trusted=False))
    except InfrastructureError as error:
        return Rerun((Finding(Code.UNJUDGED, f"{config} {row['sequence_id']}", str(error)),))


async def _accepted(executor: Executor, row: Row, manner: Manner) -> Rerun:
    where = f"problems {row['sequence_id']}"
    program = Program(source=row["program"])
    examples, hidden, far = (_cases(row[name]) for name in ("examples", "cases", "far_cases"))
    checked = far[: row["far_checked"]]
    shown = await judge(executor, program, examples, manner)
    verdict = await judge(executor, program, hidden, manner)
    findings = [
        *_failing(Code.EXAMPLE_FAILS, where, shown, examples),
        *_failing(Code.CASE_FAILS, where, verdict, hidden),
    ]
    if not 0 <= row["far_checked"] <= len(far):
        findings.append(Finding(Code.ROW_ODD, where, f"far_checked {row['far_checked']} of {len(far)}"))
    if checked:
        findings += _failing(
            Code.FAR_CASE_FAILS, where, await judge_far(executor, program, checked, manner), checked
        )
    if verdict.ok:
        second = await second_run(executor, program, hidden, manner)
        findings += _failing(Code.NOT_DETERMINISTIC, where, second, hidden)
    if table := lookup_table(program.source, (*examples, *hidden, *checked)):
        findings.append(Finding(Code.LOOKUP_TABLE, where, table))
    return Rerun(tuple(findings), verdict.walls)


async def _rejected(executor: Executor, row: Row, manner: Manner) -> Rerun:
    """A rejected program still fails on the case that it failed on, in the same way."""
    if row["program"] is None or row["failing_input"] is None:
        return Rerun(ran=False)
    where = f"rejected {row['sequence_id']}"
    case = Case(input=row["failing_input"], output=row["failing_expected"])
    verdict = await judge(executor, Program(source=row["program"]), [case], manner)
    told = VerdictKind(row["verdict"])
    if verdict.kind is told and (
        told is not VerdictKind.WRONG_ANSWER or verdict.got == row["failing_got"][:SHOWN]
    ):
        return Rerun(walls=verdict.walls)
    got = row["failing_got"][:80]
    said = f"input {case.input}: {_words(verdict)}; the release says {told.value}, printed {got!r}"
    if told in BORDERLINE or verdict.kind in BORDERLINE:
        return Rerun(walls=verdict.walls, note=f"{where}: {said}")
    code = Code.REJECTED_PASSES if verdict.ok else Code.REJECTED_DIFFERS
    return Rerun((Finding(code, where, said),), verdict.walls)


def _failing(code: Code, where: str, verdict: Verdict, cases: Sequence[Case]) -> list[Finding]:
    if verdict.ok:
        return []
    at = cases[verdict.failing_case or 0]
    said = f"input {at.input[:80]}: expected {at.output[:80]!r}, {_words(verdict)}"
    return [Finding(code, where, said)]


def _words(verdict: Verdict) -> str:
    return f"{verdict.kind.value}, printed {verdict.got[:80]!r}" + (
        f" ({verdict.message})" if verdict.message else ""
    )


def _cases(group: Sequence[dict[str, Any]]) -> list[Case]:
    return [Case(input=case["input"], output=case["output"]) for case in group]
