"""The figures of a release, counted from its own rows: its funnel, and what it was made with.

The manifest stores them as they are; the card is written from nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codeseq_ray.dataset.outcomes import DROPPED
from codeseq_ray.dataset.usage import Bill
from codeseq_ray.dataset.views import weak
from codeseq_ray.records import Outcome


@dataclass
class Counts:
    """Sequences unless said otherwise. `selected = accepted + rejected + failed + missing`, always."""

    planned: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """By the plan's reason code."""
    selected: int = 0
    selected_by_split: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    missing: int = 0
    """Selected, but without an outcome so far: only a partial release has any."""
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By outcome, stage and reason; rejected and failed ones."""
    rounds: Counter[int] = field(default_factory=Counter)
    """Accepted ones by the number of corrections."""
    splits: Counter[str] = field(default_factory=Counter)
    """Accepted ones by split."""
    walls: Counter[str] = field(default_factory=Counter)
    """Accepted ones by the walls around their runs, joined by `, `."""
    agents: Counter[str] = field(default_factory=Counter)
    """Accepted and rejected ones by agent pair; `models` and `prompt_ids` by whom and what they were asked."""
    accepted_by: Counter[str] = field(default_factory=Counter)
    """Accepted ones by agent pair."""
    models: Counter[str] = field(default_factory=Counter)
    prompt_ids: Counter[str] = field(default_factory=Counter)
    bill: Bill = field(default_factory=Bill)
    """The model calls of accepted and rejected ones."""
    far_cases_checked: int = 0
    """Cases, of accepted ones."""
    mutants: int = 0
    """Of the programs of accepted ones; `mutants_killed`: those that the hidden cases found."""
    mutants_killed: int = 0
    tested: int = 0
    """Accepted ones with mutants; `weak` of them have cases that find less than half, `strong` that find all."""
    weak: int = 0
    strong: int = 0
    killed_tenths: Counter[int] = field(default_factory=Counter)
    """Those with mutants by the share that was found, in tenths rounded down; 10: all."""
    families: set[str] = field(default_factory=set)
    """Of accepted ones; so `shapes` of programs and `templates` of names."""
    shapes: set[str] = field(default_factory=set)
    templates: set[str] = field(default_factory=set)
    paraphrases: int = 0
    """Of accepted ones, with an accepted answer or several; `paraphrase_answers`: these."""
    paraphrase_answers: int = 0
    paraphrases_left_out: Counter[str] = field(default_factory=Counter)
    """Paraphrases and answers by why they are in no row (`paraphrase:REASON`, `answer:REASON`)."""
    rows: dict[str, Counter[str]] = field(default_factory=dict)
    """Rows by config and split."""

    @property
    def accepted_by_models(self) -> int:
        return self.accepted - self.accepted_by["builtin"]

    @property
    def partial(self) -> bool:
        return self.missing > 0

    def add(self, outcome: Mapping[str, Any]) -> None:
        """One row of the config `outcomes`."""
        self.planned += 1
        if outcome["outcome"] == DROPPED:
            self.dropped[outcome["reason"]] += 1
            return
        self.selected += 1
        self.selected_by_split[outcome["split"]] += 1
        match outcome["outcome"]:
            case Outcome.ACCEPTED:
                self.accepted += 1
                self.accepted_by[outcome["agents"]] += 1
                self.rounds[outcome["rounds"]] += 1
                self.splits[outcome["split"]] += 1
                self.walls[", ".join(outcome["walls"])] += 1
                self.far_cases_checked += outcome["far_checked"]
                self.families.add(outcome["family"])
                self.shapes.add(outcome["program_shape"])
                self.templates.add(outcome["name_template"])
                self._add_strength(outcome["mutants"], outcome["mutants_killed"])
                self.paraphrases += outcome["paraphrases"]
                self.paraphrase_answers += outcome["paraphrase_answers"]
                self.paraphrases_left_out.update(outcome["paraphrases_left_out"])
            case Outcome.REJECTED:
                self.rejected += 1
            case Outcome.FAILED:
                self.failed += 1
            case _:
                self.missing += 1
                return
        if outcome["outcome"] != Outcome.ACCEPTED:
            self.reasons[outcome["outcome"], outcome["stage"], outcome["reason"]] += 1
        if outcome["outcome"] != Outcome.FAILED:
            self.agents[outcome["agents"]] += 1
            self.models.update(outcome["models"])
            self.prompt_ids.update(outcome["prompt_ids"])
            self.bill.add_lasting(outcome["usage"])

    def _add_strength(self, mutants: int, killed: int) -> None:
        self.mutants += mutants
        self.mutants_killed += killed
        self.tested += mutants > 0
        self.weak += weak(mutants, killed)
        self.strong += 0 < mutants == killed
        if mutants:
            self.killed_tenths[10 * killed // mutants] += 1

    def add_row(self, config: str, split: str) -> None:
        self.rows.setdefault(config, Counter())[split] += 1

    def as_json(self) -> dict[str, Any]:
        """Plain values in one fixed order."""
        return {
            "planned": self.planned,
            "dropped": _sorted(self.dropped),
            "selected": self.selected,
            "selected_by_split": _sorted(self.selected_by_split),
            "accepted": self.accepted,
            "rejected": self.rejected,
            "failed": self.failed,
            "missing": self.missing,
            "reasons": [
                {"outcome": outcome, "stage": stage, "reason": reason, "count": count}
                for (outcome, stage, reason), count in sorted(self.reasons.items())
            ],
            "rounds": {str(rounds): count for rounds, count in sorted(self.rounds.items())},
            "splits": _sorted(self.splits),
            "walls": _sorted(self.walls),
            "agents": _sorted(self.agents),
            "accepted_by": _sorted(self.accepted_by),
            "models": _sorted(self.models),
            "prompt_ids": _sorted(self.prompt_ids),
            "tokens": self.bill.tokens,
            "usage": self.bill.lasting(),
            "far_cases_checked": self.far_cases_checked,
            "mutants": self.mutants,
            "mutants_killed": self.mutants_killed,
            "tested": self.tested,
            "weak": self.weak,
            "strong": self.strong,
            "killed_tenths": {str(tenth): count for tenth, count in sorted(self.killed_tenths.items())},
            "families": len(self.families),
            "program_shapes": len(self.shapes),
            "name_templates": len(self.templates),
            "paraphrases": self.paraphrases,
            "paraphrase_answers": self.paraphrase_answers,
            "paraphrases_left_out": _sorted(self.paraphrases_left_out),
            "rows": {config: _sorted(splits) for config, splits in sorted(self.rows.items())},
        }


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))
