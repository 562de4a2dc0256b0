"""The way of all sequences of the plan to their outcomes, gate by gate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from codeseq_ray.records import Outcome
from codeseq_ray.reporting.facts import STEPS
from codeseq_ray.reporting.reading import RunFacts


@dataclass(frozen=True)
class Gate:
    """`reached` = what its reasons lost + `failed` + what reached the next gate."""

    name: str
    reached: int
    lost: Counter[str]
    """By reason."""
    failed: int = 0
    """Kept from a verdict by infrastructure."""
    untried: int = 0
    """Without an outcome so far."""

    @property
    def passed(self) -> int:
        return self.reached - self.lost.total() - self.failed - self.untried


def gates(run: RunFacts) -> list[Gate]:
    """The plan's rules and the gates of the loop, those that somebody was stopped at or that models work at."""
    found = [Gate("rules of the plan", run.planned, run.drops)]
    open_ = run.selected - len(run.facts)
    if open_:
        found.append(Gate("taken up", run.selected, Counter(), untried=open_))
    reached = len(run.facts)
    for at, (name, _) in enumerate(STEPS):
        here = [one for one in run.facts if one.step == at]
        lost = Counter(one.reason for one in here if one.outcome is Outcome.REJECTED)
        failed = sum(one.outcome is Outcome.FAILED for one in here)
        gate = Gate(name, reached, lost, failed)
        reached = gate.passed
        if here or name in ("validation", "program", "acceptance"):
            found.append(gate)
    return found
