"""A pass, confirmed: the program runs again where everything differs that must not matter.

All cases of a program may share a process, so that one could leave something behind for the next; sets have the
order that the hash seed gives them; and chance may have helped. The second run has a process per case, the cases in
another order and another hash seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from codeseq_ray.cases import draw
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Executor, Limits
from codeseq_ray.records import Case, Program, Verdict, VerdictKind

HASH_SEED = 1
ROOM_CPU = 2.0
ROOM_MEMORY = 1.25
"""What a second run that ended at a limit may take more than the first. Memory is what nodes are filled by: the
schedulers count on this figure (`pipeline.tasks.memory_bytes`)."""
_LIMITED = {VerdictKind.TIME_LIMIT, VerdictKind.MEMORY_LIMIT}


async def confirmed(executor: Executor, program: Program, cases: Sequence[Case], manner: Manner) -> Verdict:
    """Judge, and run again what passed. The CPU time is that of both runs.

    Raises InfrastructureError when either run got no judgement.
    """
    verdict = await judge(executor, program, cases, manner)
    if not verdict.ok:
        return verdict
    again = await second_run(executor, program, cases, manner)
    return again.model_copy(update={"cpu_ms": round(verdict.cpu_ms + again.cpu_ms, 3)})


async def second_run(executor: Executor, program: Program, cases: Sequence[Case], manner: Manner) -> Verdict:
    """The second run of a program that passed: PASSED, or NONDETERMINISTIC with the case that differs.

    The message does not repeat what the first run printed: that was the expected answer.
    """
    order = _other_order(len(cases))
    shuffled = [cases[i] for i in order]
    second = replace(manner, one_process_per_case=True, hash_seed=HASH_SEED)
    verdict = await judge(executor, program, shuffled, second)
    if verdict.kind in _LIMITED:
        # Close to a limit is not another answer: with room to spare it has to be the same.
        verdict = await judge(executor, program, shuffled, replace(second, limits=with_room(manner.limits)))
    if verdict.failing_case is None:
        return verdict
    return verdict.model_copy(
        update={
            "kind": VerdictKind.NONDETERMINISTIC,
            "failing_case": order[verdict.failing_case],
            "message": "passed at first, but not in a second run (a process of its own for each case, other "
            f"order, other hash seed): {verdict.kind.value}, {verdict.message}",
        }
    )


def _other_order(count: int) -> list[int]:
    order = sorted(range(count), key=lambda i: draw(0, "shuffle", str(i)))
    return order if order != list(range(count)) else order[::-1]


def with_room(limits: Limits) -> Limits:
    """What a run that is close to its limits, and was within them once, may take."""
    return replace(
        limits,
        cpu_seconds=ROOM_CPU * limits.cpu_seconds,
        program_cpu_seconds=None,
        memory_mb=math.ceil(ROOM_MEMORY * limits.memory_mb),
    )
