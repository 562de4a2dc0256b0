"""What to change for each reason, and what a change might bring.

A reason's gain is reckoned thus: those that it stopped are let through, and then fare like sequences of the same kind
(the same growth; for rules of the plan, of which no more is known, the same size of family) that did pass the gate.
That puts the reasons into an order worth looking at. It is no forecast: who was stopped may lack what later gates
need, or be easier than the rest (benchmarks/results/levers.md turns some for real).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from codeseq_ray.records import Outcome, Reason
from codeseq_ray.reporting.facts import ACCEPTED, STEPS, Facts
from codeseq_ray.reporting.intervals import Estimate, Z, share
from codeseq_ray.selection.rules import Drop

LEVERS: Mapping[str, str] = {
    Reason.FILTERED_OUT: "the prompts filter and filter_reflection, or --no-agent-filter",
    Reason.NO_RULE_FOUND: "--agents hybrid: models for what the rules do not solve",
    Reason.TOO_FEW_TERMS_LEFT: "--more-terms: further known terms",
    Reason.TOO_FEW_FAR_CASES: "--more-terms: further known terms to prove a fitted rule by",
    Reason.ANSWER_TRUNCATED: "the stage's --…-max-tokens",
    Reason.ANSWER_EMPTY: "the server's chat template and its limits; --…-max-tokens with models that think",
    Reason.ANSWER_REFUSED: "another model, or the wording of the stage's prompt",
    Reason.ANSWER_UNREADABLE: "the stage's prompt, or a server with JSON schemas",
    Reason.UNUSABLE_ANSWER: "the stage's prompt",
    Reason.PROMPT_TOO_LONG: "a server with a longer context",
    Reason.CONTEXT_TOO_SHORT: "a server with a longer context",
    Reason.EXAMPLE_WRONG: "the prompt write_problem, or a stronger generator",
    Reason.SHIFT_INCONSISTENT: "the prompt write_problem: one way to count positions",
    Reason.EXAMPLE_COUNT: "the prompt write_problem, or a server with JSON schemas",
    Reason.NAMES_THE_SEQUENCE: "the prompt write_problem: what a text may not say",
    Reason.SHOWS_HIDDEN_CASE: "the prompt write_problem: what a text may not show",
    Reason.SHOWS_EXAMPLE: "the prompt write_problem: the description may not answer its example",
    Reason.NOT_VALIDATED: "the prompts write_problem (is the rule in the text?) and validate, or --validations",
    Reason.ROUNDS_USED_UP: "the prompts write_program, analyse and correct; --candidates, --fresh-start-after",
    Reason.FAR_CASE_FAILED: "nothing: the program was wrong; more hidden cases would have told earlier",
    Reason.LOOKUP_TABLE: "the prompt write_program: values may not be spelt out",
    Reason.NONDETERMINISTIC: "nothing: such a program proves nothing",
    Drop.FAMILY_CAP: "--family-cap: more members of a family, more alike rows",
    Drop.CITES_SEQUENCE: "a source with formulas and programs (whole entries), for agents that can use them",
    Drop.TABLE: "--allow-tables",
    Drop.FINITE: "--allow-finite",
    Drop.KEYWORD: "--drop-keywords",
    Drop.TOO_FEW_TERMS: "--min-terms",
    Drop.TOO_FEW_VALUES: "--min-distinct",
    Drop.TOO_MANY_DIGITS: "--max-digits",
}
"""Where nothing can or should be changed, a reason is missing here or says so."""
_FIXED = frozenset({Reason.FAR_CASE_FAILED, Reason.NONDETERMINISTIC})


@dataclass(frozen=True)
class Payoff:
    """Of one reason, at one gate or among the rules of the plan (`step` −1)."""

    reason: str
    step: int
    lost: int
    """Sequences that it stopped."""
    tokens: int
    """Spent on them up to there."""
    passing: Estimate | None
    """Share accepted among their like that passed the gate; None where nobody did, or it is the last one."""
    lever: str

    @property
    def gain(self) -> Estimate | None:
        """Accepted ones more, if they fared alike."""
        if self.passing is None:
            return None
        return Estimate(
            *(self.lost * end for end in (self.passing.value, self.passing.low, self.passing.high))
        )

    @property
    def where(self) -> str:
        return "plan" if self.step < 0 else STEPS[self.step][0]

    @property
    def to_change(self) -> bool:
        """False where the reason is right and there is nothing to gain."""
        return bool(self.lever) and self.reason not in _FIXED


def payoffs(judged: list[Facts], dropped: Mapping[str, Counter[str]]) -> list[Payoff]:
    """Every reason, the largest gain first; those that nothing can be changed about last.

    `dropped`: by rule of the plan, how many of families of each size.
    """
    lost: dict[tuple[int, str], list[Facts]] = defaultdict(list)
    for one in judged:
        if one.outcome is Outcome.REJECTED:
            lost[one.step, one.reason].append(one)
    found = [
        Payoff(
            reason,
            step,
            len(those),
            sum(one.tokens for one in those),
            _alike(Counter(one.kinds["growth"][0] for one in those), "growth", judged, step),
            LEVERS.get(reason, ""),
        )
        for (step, reason), those in lost.items()
    ]
    found += [
        Payoff(rule, -1, sizes.total(), 0, _alike(sizes, "family", judged, -1), LEVERS.get(rule, ""))
        for rule, sizes in dropped.items()
    ]
    return sorted(found, key=_order)


def _alike(stopped: Counter[str], side: str, judged: list[Facts], step: int) -> Estimate | None:
    """Share accepted among those past a gate, their kinds weighted as they are among the stopped.

    None behind the last gate: whoever is past it was accepted, which says nothing of those it stopped.
    """
    if step == len(STEPS) - 1:
        return None
    passed: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for one in judged:
        if one.step > step:
            passed[one.kinds[side][0]] += 1
            accepted[one.kinds[side][0]] += one.step == ACCEPTED
    if not passed:
        return None
    everyone = share(accepted.total(), passed.total())
    value = variance = 0.0
    for label, count in stopped.items():
        weight = count / stopped.total()
        here = share(accepted[label], passed[label]) if passed[label] else everyone
        value += weight * here.value
        # Half a Wilson interval over z is a standard error that is not 0 where nobody, or everybody, was accepted.
        variance += (weight * (here.high - here.low) / (2 * Z)) ** 2
    half = Z * math.sqrt(variance)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _order(one: Payoff) -> tuple[bool, float, int, str]:
    gain = one.gain
    return (not one.to_change, -(gain.value if gain else 0.0), -one.lost, one.reason)
