"""The top of a report: what one sees before reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from codeseq_ray.records import Outcome
from codeseq_ray.reporting.intervals import Estimate, share
from codeseq_ray.reporting.reading import RunFacts
from codeseq_ray.reporting.spending import tokens_per_accepted


@dataclass(frozen=True)
class Tile:
    """One figure, large."""

    name: str
    value: str
    note: str = ""
    main: bool = False


def about(run: RunFacts) -> str:
    rows = run.manifest.get("row_settings", {})
    agents = " + ".join(Counter(one.agents for one in run.facts).keys())
    filtered = (
        "" if rows.get("agent_filter", True) or not run.asked_models else ", without the agents' filter"
    )
    left, starts = run.selected - len(run.facts), len(run.starts)
    open_ = f" {left:,} selected sequences have no outcome yet." if left else ""
    return (
        f"{run.planned:,} integer sequences of the OEIS, worked on by {agents or 'nobody'}{filtered}; "
        f"seed {rows.get('seed', '–')}, {starts} start{'s' * (starts != 1)}.{open_}"
    )


def tiles(run: RunFacts) -> list[Tile]:
    judged, outcomes = run.judged, run.outcomes
    accepted = share(outcomes[Outcome.ACCEPTED], len(judged))
    told = [
        Tile("planned", f"{run.planned:,}"),
        Tile("selected", f"{run.selected:,}", _percent(run.selected, run.planned)),
        Tile("judged", f"{len(judged):,}", f"{_percent(len(judged), run.selected)} of selected"),
        Tile(
            "accepted",
            f"{outcomes[Outcome.ACCEPTED]:,}",
            f"{accepted.value:.1%} of judged ({accepted.low:.1%} to {accepted.high:.1%})",
            main=True,
        ),
    ]
    if outcomes[Outcome.FAILED]:
        told.append(Tile("not judged", f"{outcomes[Outcome.FAILED]:,}", "infrastructure"))
    if run.asked_models:
        tokens = sum(one.tokens for one in run.facts)
        told.append(Tile("tokens", f"{tokens:,}", f"{tokens / len(run.facts):,.0f} a sequence"))
        told.append(Tile("per accepted", per_accepted(tokens_per_accepted(judged)), "tokens"))
    return told


def headlines(run: RunFacts, figures: Mapping[str, Any]) -> Iterator[str]:
    """Sentences, the most important first; `figures` as `page.tell` reckons them."""
    judged = run.judged
    if why := figures["reasons"]:
        first = why[0]
        yield (
            f"The commonest reason is {first['reason']}, at the gate “{first['where']}”: {first['words']} "
            f"({first['share'].value:.0%} of judged)."
        )
    worth = (one for one in figures["payoffs"] if one.to_change and one.gain and one.step >= 0)
    if (best := next(worth, None)) is not None and best.gain.value >= 1:
        yield (
            f"Within the loop, {best.reason} is where most could be won ({best.gain.value:,.0f} accepted more, if "
            f"those it stopped fared like the others): {best.lever}."
        )
    good = (one for one in figures["findings"] if one.ending == "accepted" and one.difference.value > 0)
    if (kind := next(good, None)) is not None:
        yield (
            f"Those with {kind.side} “{kind.label}” fare better than the rest: {kind.share:.0%} accepted, against "
            f"{kind.rest:.0%} of all others."
        )
    if len(figures["rounds"]) > 1:
        gained = sum(one.accepted for one in figures["rounds"][1:])
        yield f"Corrections brought {gained:,} of the {gained + figures['rounds'][0].accepted:,} accepted sequences."
    if tokens := sum(one.tokens for one in judged):
        wasted = sum(one.tokens for one in judged if not one.accepted)
        yield f"{wasted / tokens:.0%} of the tokens went to sequences that were not accepted."


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def per_accepted(one: Estimate | None) -> str:
    return "–" if one is None else f"{one.value:,.0f}"
