"""Are the cases true that a completion made itself? By the known terms first, else by the reference program.

How many are looked at is bounded, and the bounds are such that no further claim raises the share but a true one: what
lies beyond a bound counts as a case that is not true. Only a case that the reference program was asked for and could
not answer leaves the count.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.verdicts import TRIES
from codeseq_ray.ports import Execution, Executor, Limits, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.reward.values import exact

Pair = tuple[str, str]
"""Input and output as exact text."""

_BEYOND_LIMITS = {VerdictKind.TIME_LIMIT, VerdictKind.MEMORY_LIMIT, VerdictKind.OUTPUT_LIMIT}
_CACHED_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the reference program is asked about the cases of one completion."""

    inputs: int = 16
    """Distinct inputs, the smallest first."""
    failures: int = 3
    """Inputs that take more time, memory or output than allowed, before larger ones are not tried any more."""
    limits: Limits = field(default_factory=lambda: Limits(cpu_seconds=1.0))
    """Of each input. All of one completion take at most `inputs` times the CPU seconds."""


@dataclass(frozen=True, slots=True)
class Count:
    """N_c, N_tc, and how many cases left the count because the reference program could not answer them."""

    cases: int = 0
    true: int = 0
    undecided: int = 0

    @property
    def share(self) -> float:
        """c: 0 when there are no cases."""
        return self.true / self.cases if self.cases else 0.0


class Answers:
    """What reference programs said, kept for the other completions of the problem; the oldest goes first."""

    def __init__(self, most: int = 50_000) -> None:
        self._kept: OrderedDict[tuple[str, str], Run] = OrderedDict()
        self._most = most

    def get(self, program: str, given: str) -> Run | None:
        return self._kept.get((program, given))

    def put(self, program: str, given: str, run: Run) -> None:
        if len(run.stdout) > _CACHED_CHARACTERS:
            return
        self._kept[program, given] = run
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


async def count(
    executor: Executor,
    pairs: Iterable[Pair],
    *,
    shown: Set[str],
    known: Mapping[str, str],
    program: str,
    bounds: Bounds,
    answers: Answers,
) -> Count:
    """Count the distinct cases in `pairs`, in whatever order they come.

    Those on an input in `shown` (the problem's examples) are not self-made and do not count. Raises
    InfrastructureError when the sandbox gave no judgement.
    """
    own = {pair for pair in pairs if pair[0] not in shown}
    true = sum(known.get(given) == said for given, said in own)
    unknown = sorted({given for given, _ in own if given not in known}, key=_size)
    runs = await _ask(executor, program, unknown, bounds, answers) if unknown else {}
    silent = {given for given, run in runs.items() if run.kind is not VerdictKind.PASSED}
    said_so = {given: exact(run.stdout) for given, run in runs.items() if given not in silent}
    true += sum(said_so.get(given) == said for given, said in own)
    undecided = sum(given in silent for given, _ in own)
    return Count(len(own) - undecided, true, undecided)


def _size(given: str) -> tuple[int, str]:
    """Smaller numbers first, whatever their sign."""
    digits = given.lstrip("-")
    return len(digits), digits


async def _ask(
    executor: Executor, program: str, inputs: Sequence[str], bounds: Bounds, answers: Answers
) -> dict[str, Run]:
    """What the reference program gives for as many of these inputs as the bounds allow."""
    runs: dict[str, Run] = {}
    failures = 0
    asked = list(inputs[: bounds.inputs])
    while asked and failures < bounds.failures:
        known = answers.get(program, asked[0])
        if known is None:
            # Only up to the next one that is known: each is asked once.
            end = next((i for i, given in enumerate(asked) if answers.get(program, given)), len(asked))
            fresh = await _runs(
                executor, Execution(program, tuple(f"{g}\n" for g in asked[:end]), bounds.limits)
            )
            for given, run in zip(asked, fresh, strict=False):
                answers.put(program, given, run)
        else:
            fresh = (known,)
        for run in fresh:
            if failures < bounds.failures:
                runs[asked.pop(0)] = run
                failures += run.kind in _BEYOND_LIMITS
    return runs


async def _runs(executor: Executor, execution: Execution) -> tuple[Run, ...]:
    """At least one run, each of them a judgement; fewer than inputs where one ended the process that they share."""
    trouble = "a killed process, or the wall-clock limit"
    for _ in range(TRIES):
        try:
            runs = (await executor.execute(execution)).runs
        except InfrastructureError as error:
            trouble = str(error)
            continue
        judged = [run for run in runs if run.kind is not VerdictKind.INFRASTRUCTURE]
        if judged and len(judged) == len(runs):
            return runs
    raise InfrastructureError(
        f"the sandbox could not run the reference program in {TRIES} tries ({trouble}): is the machine overloaded?"
    )
