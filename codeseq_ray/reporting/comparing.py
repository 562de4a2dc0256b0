"""Two runs side by side: what a change of a prompt, a model or a setting did, with intervals.

Sequences that both runs judged are compared pair by pair. What one run alone judged is left out, and counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from codeseq_ray.reporting.facts import ACCEPTED, STEPS, Facts
from codeseq_ray.reporting.gathering import ending
from codeseq_ray.reporting.intervals import Estimate, difference, paired_difference, ratio
from codeseq_ray.reporting.reading import RunFacts
from codeseq_ray.reporting.spending import tokens_per_accepted

SHOWN = 12
"""Sequences listed of those that were accepted by one run alone."""


@dataclass(frozen=True)
class Share:
    """A share in both runs; `change`: the first less the second."""

    name: str
    count: int
    of: int
    other: int
    of_other: int
    change: Estimate
    paired: bool
    """Over the same sequences; else over those that reached this gate in each run."""


@dataclass(frozen=True)
class Comparison:
    """The run `of` against the run `with_`, over the `common` sequences that both judged."""

    of: str
    with_: str
    common: int
    only_of: int
    only_with: int
    accepted: Share
    endings: tuple[Share, ...]
    gates: tuple[Share, ...]
    """Of those that reached a gate, the share that passed it."""
    tokens: tuple[float, float] | None
    """Per sequence."""
    tokens_ratio: Estimate | None
    """First ÷ second, over the same sequences."""
    per_accepted: tuple[Estimate | None, Estimate | None]
    """Tokens of all ÷ accepted ones."""
    settings: tuple[tuple[str, str, str], ...]
    """Settings that change rows, where they differ: name, and its value in both."""
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    """Accepted by the first alone, by the second alone; the first of them."""
    gained_count: int
    lost_count: int


def compare(first: RunFacts, second: RunFacts) -> Comparison:
    ours = {one.number: one for one in first.judged}
    theirs = {one.number: one for one in second.judged}
    common = sorted(ours.keys() & theirs.keys())
    pairs = [(ours[number], theirs[number]) for number in common]
    gained = [a for a, b in pairs if a.accepted and not b.accepted]
    lost = [a for a, b in pairs if b.accepted and not a.accepted]
    endings = Counter(ending(one) for pair in pairs for one in pair)
    tokens = np.array([(a.tokens, b.tokens) for a, b in pairs], dtype=np.float64).reshape(-1, 2)
    some = bool(tokens.sum())
    return Comparison(
        of=first.run_id,
        with_=second.run_id,
        common=len(common),
        only_of=len(ours) - len(common),
        only_with=len(theirs) - len(common),
        accepted=_paired("accepted", pairs),
        endings=tuple(_paired(name, pairs) for name, _ in endings.most_common() if name != "accepted"),
        gates=tuple(_gate(at, name, pairs) for at, (name, _) in enumerate(STEPS)),
        tokens=(float(tokens[:, 0].mean()), float(tokens[:, 1].mean())) if some else None,
        tokens_ratio=ratio(tokens[:, 0], tokens[:, 1]) if some else None,
        per_accepted=(tokens_per_accepted([a for a, _ in pairs]), tokens_per_accepted([b for _, b in pairs])),
        settings=_differing(first.manifest, second.manifest),
        gained=tuple(one.sequence_id for one in gained[:SHOWN]),
        lost=tuple(one.sequence_id for one in lost[:SHOWN]),
        gained_count=len(gained),
        lost_count=len(lost),
    )


def _paired(name: str, pairs: list[tuple[Facts, Facts]]) -> Share:
    both = [(ending(a) == name, ending(b) == name) for a, b in pairs]
    return Share(
        name,
        sum(a for a, _ in both),
        len(pairs),
        sum(b for _, b in both),
        len(pairs),
        paired_difference(sum(a and not b for a, b in both), sum(b and not a for a, b in both), len(pairs)),
        paired=True,
    )


def _gate(at: int, name: str, pairs: list[tuple[Facts, Facts]]) -> Share:
    counts = []
    for side in (0, 1):
        reached = [pair[side] for pair in pairs if pair[side].step >= at and pair[side].step <= ACCEPTED]
        counts.append((sum(one.step > at for one in reached), len(reached)))
    (passed, of), (other, of_other) = counts
    return Share(name, passed, of, other, of_other, difference(passed, of, other, of_other), paired=False)


def _differing(first: dict[str, Any], second: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    a: dict[str, Any] = {**first.get("row_settings", {}), "input": first.get("input_digest")}
    b: dict[str, Any] = {**second.get("row_settings", {}), "input": second.get("input_digest")}
    return tuple(
        (name, str(a.get(name, "–")), str(b.get(name, "–")))
        for name in sorted({*a, *b})
        if a.get(name) != b.get(name)
    )
