"""The figures of a release, gathered while it is drawn: its funnel, and what it was made with.

The manifest stores them as they are; the card is written from nothing else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from codeseq_ray.dataset import views
from codeseq_ray.dataset.usage import Bill
from codeseq_ray.records import Outcome, PlanRow, SequenceRecord


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
    not_in_plan: int = 0
    """Outcomes of ids that the plan does not select (any more); they are not part of the release."""
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
    rows: dict[str, Counter[str]] = field(default_factory=dict)
    """Rows by config and split."""

    @property
    def accepted_by_models(self) -> int:
        return self.accepted - self.accepted_by["builtin"]

    @property
    def partial(self) -> bool:
        return self.missing > 0

    def add_planned(self, row: PlanRow) -> None:
        self.planned += 1
        if row.selected:
            self.selected += 1
            self.selected_by_split[row.split.value] += 1
        else:
            self.dropped[row.reason] += 1

    def add_outcome(self, outcome: Outcome, stage: str, reason: str) -> None:
        """One selected sequence's line of the ledger."""
        match outcome:
            case Outcome.ACCEPTED:
                self.accepted += 1
                return
            case Outcome.REJECTED:
                self.rejected += 1
            case Outcome.FAILED:
                self.failed += 1
        self.reasons[outcome.value, stage, reason] += 1

    def add_record(self, record: SequenceRecord) -> None:
        """One accepted or rejected sequence's record."""
        self.agents[record.agents] += 1
        self.models.update(views.models(record))
        self.prompt_ids.update(views.prompt_ids(record))
        self.bill.add(record.calls)
        if record.outcome is Outcome.ACCEPTED:
            self.accepted_by[record.agents] += 1
            self.rounds[record.corrections] += 1
            self.splits[record.split.value] += 1
            self.walls[", ".join(views.walls(record))] += 1
            self.far_cases_checked += record.acceptance.far_checked if record.acceptance else 0

    def add_row(self, row: views.Row) -> None:
        self.rows.setdefault(row.config, Counter())[row.split] += 1

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
            "not_in_plan": self.not_in_plan,
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
            "rows": {config: _sorted(splits) for config, splits in sorted(self.rows.items())},
        }


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))
