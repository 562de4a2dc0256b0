"""Acceptance beyond the paper: eight listed terms are weak proof (METHOD 2).

After all hidden cases passed: every far case must hold, the program must compute instead of spelling values out,
and a second run under another hash seed, one process per case, must print the same.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from codeseq_ray.cases import draw
from codeseq_ray.judging.lookup import lookup_table
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Executor
from codeseq_ray.records import Acceptance, Cases, Program, Reason, VerdictKind

_TOO_SLOW = {VerdictKind.TIME_LIMIT, VerdictKind.MEMORY_LIMIT, VerdictKind.OUTPUT_LIMIT}


@dataclass(frozen=True)
class Decision:
    """What was checked, and the reason code and words where it did not hold (both empty when accepted)."""

    checks: Acceptance
    reason: str = ""
    detail: str = ""


async def accept(
    executor: Executor, program: Program, cases: Cases, manner: Manner, *, seen_far: int, unseen_needed: int
) -> Decision:
    """Decide over a program that passed all hidden cases.

    `seen_far` of the far cases were within the built-in fitter's window (0 for other agents); at least
    `unseen_needed` of the rest must have been checked. A far case that is beyond the limits ends the check and is
    no failure: it counts as not checked.
    """
    known = (*cases.examples, *cases.hidden, *cases.far)
    if table := lookup_table(program.source, known):
        checks = Acceptance(far_checked=0, far_total=len(cases.far), lookup_table=table)
        return Decision(checks, Reason.LOOKUP_TABLE, table)

    shuffled = sorted(cases.hidden, key=lambda case: draw(0, "shuffle", case.input))
    second = replace(manner, one_process_per_case=True, hash_seed=1)
    rerun, far = await asyncio.gather(
        judge(executor, program, shuffled, second), judge(executor, program, cases.far, manner)
    )
    beyond_limits = far.kind in _TOO_SLOW
    checked = far.total if far.ok else (far.failing_case or 0) + (0 if beyond_limits else 1)
    checks = Acceptance(
        far_checked=checked,
        far_unseen=max(0, checked - seen_far),
        far_total=far.total,
        far=far,
        rerun=rerun,
    )
    if not far.ok and not beyond_limits:
        at = cases.far[far.failing_case or 0]
        return Decision(checks, Reason.FAR_CASE_FAILED, f"input {at.input}: {far.kind.value}, {far.message}")
    if checks.far_unseen < unseen_needed:
        return Decision(
            checks,
            Reason.TOO_FEW_FAR_CASES,
            f"{checks.far_unseen} unseen far cases were checked, {unseen_needed} are needed",
        )
    if not rerun.ok:
        return Decision(checks, Reason.NONDETERMINISTIC, f"second run: {rerun.kind.value}, {rerun.message}")
    return Decision(checks)
