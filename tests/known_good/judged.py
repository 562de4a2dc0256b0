"""What the judge says of known-good programs, in the real sandbox: right cases, one case altered, a neighbour's."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Executor
from codeseq_ray.records import Program, Verdict, VerdictKind
from known_good.corpus import TERMS, Known, Neighbour, altered

MANNER = Manner()


async def _judged(executor: Executor, known: Known, terms: Iterable[int]) -> Verdict:
    return await judge(executor, Program(source=known.source), known.cases([*terms]), MANNER)


async def not_passed(
    executor: Executor, programs: Iterable[Known], terms: int | None = None
) -> dict[str, Verdict]:
    """The programs that do not pass their own cases. There should be none."""
    told = {known.id: await _judged(executor, known, known.terms[:terms]) for known in programs}
    return {anum: verdict for anum, verdict in told.items() if not verdict.ok}


async def not_caught(
    executor: Executor, programs: Iterable[Known], terms: int | None = None
) -> dict[str, tuple[str, Verdict]]:
    """The programs of which one altered case is not named as the one that fails."""
    found = {}
    for known in programs:
        at, how, changed = altered(known.terms[:terms], known.id)
        verdict = await _judged(executor, known, changed)
        if not _fails_at(verdict, at):
            found[known.id] = (f"{how} at {at}", verdict)
    return found


async def taken_for_neighbours(
    executor: Executor, programs: Iterable[Known], nearest: Callable[[str], Neighbour]
) -> dict[str, tuple[Neighbour, Verdict]]:
    """The programs that are not told from the nearest neighbour of their sequence where it begins to differ."""
    found = {}
    for known in programs:
        neighbour = nearest(known.id)
        at = neighbour.shared - known.skipped
        theirs = neighbour.terms[known.skipped :][: min(max(TERMS, at + 1), len(known.terms))]
        verdict = await _judged(executor, known, theirs)
        if not _fails_at(verdict, at):
            found[known.id] = (neighbour, verdict)
    return found


def _fails_at(verdict: Verdict, position: int) -> bool:
    # The program is right, so it is the comparison that must fail, there and nowhere before.
    return verdict.kind is VerdictKind.WRONG_ANSWER and verdict.failing_case == position
