"""Where tokens and seconds of the models went: by stage, by round, and by what became of the sequences."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from codeseq_ray.dataset.usage import STAGES
from codeseq_ray.reporting.facts import Facts
from codeseq_ray.reporting.intervals import Estimate, ratio


@dataclass(frozen=True)
class Line:
    """Of one stage, in one round, of sequences with one outcome."""

    stage: str
    round: int
    outcome: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Of answered requests one after the other; replayed answers took none."""
    replayed: int

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


def lines(facts: list[Facts]) -> list[Line]:
    """By round, in the order of the loop."""
    sums: dict[tuple[str, int, str], list[float]] = defaultdict(lambda: [0, 0, 0, 0.0, 0])
    for one in facts:
        for spent in one.spent:
            line = sums[spent.stage, spent.round, one.outcome.value]
            for at, value in enumerate(
                (spent.calls, spent.prompt_tokens, spent.completion_tokens, spent.seconds, spent.replayed)
            ):
                line[at] += value
    return [
        Line(stage, number, outcome, int(calls), int(prompt), int(written), seconds, int(replayed))
        for (stage, number, outcome), (calls, prompt, written, seconds, replayed) in sorted(
            sums.items(), key=lambda item: (item[0][1], _place(item[0][0]), item[0])
        )
    ]


def tokens_per_accepted(facts: list[Facts]) -> Estimate | None:
    """Tokens of all judged sequences ÷ those accepted; None where no model was asked, or none was accepted."""
    tokens = np.array([one.tokens for one in facts], dtype=np.float64)
    return ratio(tokens, np.array([one.accepted for one in facts])) if tokens.sum() else None


def _place(stage: str) -> int:
    first = stage.partition(".")[0]
    return STAGES.index(first) if first in STAGES else len(STAGES)
