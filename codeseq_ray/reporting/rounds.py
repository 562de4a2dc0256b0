"""What the correction rounds brought, what they cost, and what was wrong with the programs on the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from codeseq_ray.reporting.facts import Facts
from codeseq_ray.reporting.intervals import Estimate, share

_WRITES = frozenset({"program", "analysis", "correction"})


@dataclass(frozen=True)
class RoundYield:
    """Round 0 is the first program."""

    number: int
    reached: int
    """Sequences of which a program was judged in this round."""
    solved: int
    """Of these, whose program passed the hidden cases."""
    accepted: int
    """Of these, that were accepted."""
    tokens: int
    """For the program of this round, and for the reasons that led to it."""
    unchanged: int
    """Programs that were the same as the round before, or gave the same wrong answer to the same case."""
    better: int
    """Programs that passed more cases than the one before."""
    mistakes: Counter[str]

    @property
    def rate(self) -> Estimate:
        return share(self.solved, self.reached)

    @property
    def tokens_per_accepted(self) -> float | None:
        return self.tokens / self.accepted if self.accepted else None


def rounds(judged: list[Facts]) -> list[RoundYield]:
    """All rounds in which a program was asked for, in order."""
    judged_in = {one.number for facts in judged for one in facts.tried}
    paid_in = {_round_of(spent.stage, spent.round) for facts in judged for spent in facts.spent}
    last = max(judged_in | {number for number in paid_in if number is not None}, default=-1)
    return [_round(judged, number) for number in range(last + 1)]


def _round(judged: list[Facts], number: int) -> RoundYield:
    reached = solved = accepted = tokens = unchanged = better = 0
    mistakes: Counter[str] = Counter()
    for facts in judged:
        tokens += sum(
            spent.prompt_tokens + spent.completion_tokens
            for spent in facts.spent
            if _round_of(spent.stage, spent.round) == number
        )
        for at, one in enumerate(facts.tried):
            if one.number != number:
                continue
            reached += 1
            solved += one.passed
            accepted += one.passed and facts.accepted
            unchanged += one.unchanged
            better += at > 0 and one.share > facts.tried[at - 1].share
            if not one.passed:
                mistakes[one.mistake] += 1
    return RoundYield(number, reached, solved, accepted, tokens, unchanged, better, mistakes)


def _round_of(stage: str, number: int) -> int | None:
    """The round whose program a call helped to write: an analysis is put down to the program that failed."""
    first = stage.partition(".")[0]
    if first not in _WRITES:
        return None
    return number + 1 if first == "analysis" else number
