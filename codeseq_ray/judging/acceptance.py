"""Acceptance beyond the paper: eight listed terms are weak proof (METHOD 2).

After all hidden cases passed: every far case within the limits must hold, and at least five where so many are known;
the program must compute instead of spelling values out; and a second run under another hash seed, one process per
case, must print the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from codeseq_ray.judging.confirmation import second_run
from codeseq_ray.judging.lookup import lookup_table
from codeseq_ray.judging.mutants import strength
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Executor
from codeseq_ray.records import Acceptance, Case, Cases, Program, Reason, Verdict, VerdictKind

FEWEST_FAR = 5
"""Further terms that must hold where so many are known: to hang after the hidden cases proves nothing."""
_SLICE = 32
"""Far cases judged at a time: a wrong program is stopped early, and no task runs for an hour."""
_BEYOND_LIMITS = {VerdictKind.TIME_LIMIT, VerdictKind.MEMORY_LIMIT}


@dataclass(frozen=True)
class Decision:
    """What was checked, and the reason code and words where it did not hold (both empty when accepted)."""

    checks: Acceptance
    reason: str = ""
    detail: str = ""


async def accept(
    executor: Executor, program: Program, cases: Cases, manner: Manner, *, seen_far: int, mutants: int = 0
) -> Decision:
    """Decide over a program that passed all hidden cases.

    `seen_far` of the far cases were within the built-in fitter's window (0 for other agents); at least
    `FEWEST_FAR` of the others must have been checked, or all if fewer are known. A far case that takes more time or
    memory than allowed ends the check and is no failure: it counts as not checked.

    Of a program that is accepted, up to `mutants` are run on the hidden cases, behind walls only.
    """
    rerun, far = await asyncio.gather(
        second_run(executor, program, cases.hidden, manner), judge_far(executor, program, cases.far, manner)
    )
    beyond_limits = far.kind in _BEYOND_LIMITS
    good = far.total if far.ok else (far.failing_case or 0)
    checked = good if far.ok or beyond_limits else good + 1
    # Only terms that the program really reached can tell a table from a computation.
    reached = (*cases.examples, *cases.hidden, *cases.far[:good])
    table = lookup_table(program.source, reached)
    checks = Acceptance(
        far_checked=checked,
        far_unseen=max(0, checked - seen_far),
        far_total=far.total,
        far=far,
        lookup_table=table,
        rerun=rerun,
    )
    if table:
        return Decision(checks, Reason.LOOKUP_TABLE, table)
    if not far.ok and not beyond_limits:
        at = cases.far[far.failing_case or 0]
        return Decision(checks, Reason.FAR_CASE_FAILED, f"input {at.input}: {far.kind.value}, {far.message}")
    needed = min(FEWEST_FAR, far.total - seen_far)
    if checks.far_unseen < needed:
        return Decision(
            checks,
            Reason.TOO_FEW_FAR_CASES,
            f"{checks.far_unseen} unseen far cases could be checked within the limits, {needed} are needed",
        )
    if not rerun.ok:
        return Decision(checks, Reason.NONDETERMINISTIC, rerun.message)
    if mutants and "seccomp" in rerun.walls:  # a fault may make of a harmless program another one
        found = await strength(executor, program, cases.hidden, manner, mutants, rerun)
        checks = checks.model_copy(update={"mutants": found.mutants, "mutants_killed": found.killed})
    return Decision(checks)


async def judge_far(executor: Executor, program: Program, far: Sequence[Case], manner: Manner) -> Verdict:
    """One verdict over all far cases, judged in slices up to the first that does not pass."""
    passed, cpu_ms = 0, 0.0
    verdict = Verdict(kind=VerdictKind.PASSED, passed=0, total=0)
    for start in range(0, len(far), _SLICE):
        verdict = await judge(executor, program, far[start : start + _SLICE], manner)
        passed, cpu_ms = passed + verdict.passed, round(cpu_ms + verdict.cpu_ms, 3)
        if verdict.failing_case is not None:
            failing = verdict.failing_case + start
            verdict = verdict.model_copy(update={"failing_case": failing})
            break
    return verdict.model_copy(update={"passed": passed, "total": len(far), "cpu_ms": cpu_ms})
