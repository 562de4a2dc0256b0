"""A run, read for a report: the plan's drops, what became of each sequence, and some records to show whole.

Reads `plan/`, the ledger and `records/` as they are, so that a run can be looked at before its release, and while it
goes on. Holds what `facts` remembers: some 2 kB a sequence.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeseq_ray.errors import UsageError
from codeseq_ray.records import Outcome, SequenceRecord
from codeseq_ray.reporting.facts import Facts, facts_of
from codeseq_ray.reporting.kinds import family_size
from codeseq_ray.store.ledger import Ledger, LedgerRow
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.spill import records_in_order

Say = Callable[[str], None]
SAY_EVERY = 20_000


@dataclass
class RunFacts:
    """What a report is made of."""

    run_id: str
    manifest: dict[str, Any]
    starts: list[dict[str, Any]]
    """What each start took and paid for (docs/output.md)."""
    planned: int
    selected: int
    drops: Counter[str]
    """Sequences by the rule that dropped them."""
    dropped: dict[str, list[int]]
    """A-numbers by that rule."""
    facts: list[Facts]
    """Of every sequence with an outcome, by A-number."""
    families: Counter[str] = field(default_factory=Counter)
    """Members in the plan."""
    families_dropped: dict[str, Counter[str]] = field(default_factory=dict)
    """By the rule that dropped them: how many of each family."""

    @property
    def outcomes(self) -> Counter[Outcome]:
        return Counter(one.outcome for one in self.facts)

    @property
    def judged(self) -> list[Facts]:
        """Without those that infrastructure kept from a verdict: they say nothing of agents or sequences."""
        return [one for one in self.facts if one.outcome is not Outcome.FAILED]

    @property
    def sizes_dropped(self) -> dict[str, Counter[str]]:
        """By rule: how many of families of each size (`kinds.family_size`)."""
        found: dict[str, Counter[str]] = {}
        for rule, families in self.families_dropped.items():
            found[rule] = Counter()
            for family, count in families.items():
                found[rule][family_size(self.families[family])] += count
        return found

    @property
    def asked_models(self) -> bool:
        return any(one.spent for one in self.facts)


def read_run(run: RunStore, ledger: Ledger, say: Say) -> RunFacts:
    """Raises UsageError where there is no synthesis run, or none of its sequences has an outcome yet."""
    manifest = run.read_manifest()
    if manifest is None:
        raise UsageError(f"there is no run at {run.uri}: give <output>/<run-id>, which holds run.json")
    if (kind := manifest.get("kind", "synthesis")) != "synthesis":
        raise UsageError(f"{run.uri} is a run of {kind}: a report is made of one of jobs/synthesize.py")
    if not len(ledger):
        raise UsageError(f"{run.uri}: no sequence has come to an outcome yet, so there is nothing to report")
    facts = RunFacts(run.run_id, manifest, _starts(run), 0, 0, Counter(), {}, [])
    for row in run.read_plan():
        facts.planned += 1
        facts.families[row.family] += 1
        if row.selected:
            facts.selected += 1
        else:
            facts.drops[row.reason] += 1
            facts.dropped.setdefault(row.reason, []).append(int(row.sequence_id[1:]))
            facts.families_dropped.setdefault(row.reason, Counter())[row.family] += 1
    for record in _records(run, list(ledger)):
        facts.facts.append(facts_of(record, facts.families[record.family]))
        if len(facts.facts) % SAY_EVERY == 0:
            say(f"{run.run_id}: {len(facts.facts):,} of {len(ledger):,} records read")
    return facts


def read_whole(run: RunStore, ledger: Ledger, numbers: set[int]) -> Iterator[SequenceRecord]:
    """The records of these A-numbers, in their order."""
    yield from _records(run, [row for number in sorted(numbers) if (row := ledger.get(number)) is not None])


def _records(run: RunStore, rows: list[LedgerRow]) -> Iterator[SequenceRecord]:
    with tempfile.TemporaryDirectory(prefix="codeseq-report-") as folder:
        yield from records_in_order(run, rows, Path(folder))


def _starts(run: RunStore) -> list[dict[str, Any]]:
    return [run.read_json(name) or {} for name in run.list("starts/")]
