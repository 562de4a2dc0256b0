"""The report as one HTML page that holds all it shows: it asks nothing of any network, and may run no other script.

Everything that comes from the run is text: Jinja escapes what is in the page, and the page's script writes texts
alone. The Content-Security-Policy lets in the page's own style and script by their digests, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from codeseq_ray.records import ATTRIBUTION, LICENSE
from codeseq_ray.reporting import charts, drawing
from codeseq_ray.reporting.comparing import Comparison
from codeseq_ray.reporting.facts import STEPS, Facts
from codeseq_ray.reporting.funnel import gates
from codeseq_ray.reporting.gathering import EXAMPLES, clusters, findings, second_thoughts, stopped, tables
from codeseq_ray.reporting.glance import about, headlines, per_accepted, tiles
from codeseq_ray.reporting.intervals import Estimate, share
from codeseq_ray.reporting.kinds import SIDES
from codeseq_ray.reporting.levers import payoffs
from codeseq_ray.reporting.reading import RunFacts
from codeseq_ray.reporting.rounds import rounds
from codeseq_ray.reporting.solving import Solvability
from codeseq_ray.reporting.spending import lines
from codeseq_ray.telling.reasons import REASONS

_Figures = dict[str, dict[str, Markup]]
SHOWN = 12
"""Bars of a chart of reasons; the table below it has all."""


@dataclass(frozen=True)
class Packed:
    """The explorer's data (`explorer.packed`)."""

    index: str
    records: str
    whole: int
    """Records in it."""


@dataclass(frozen=True)
class Told:
    """The figures of a report, reckoned once: for the page, and for what the explorer has to hold."""

    figures: dict[str, Any]
    drawings: _Figures
    named: tuple[str, ...]
    """A-numbers that the page refers to."""


def tell(run: RunFacts, comparison: Comparison | None, solved: Solvability | None) -> Told:
    """Reckon everything and draw the charts."""
    judged = run.judged
    found_rounds, spent, pay = rounds(judged), lines(run.facts), payoffs(judged, run.sizes_dropped)
    way, found, alike, why = gates(run), findings(judged), clusters(judged), _reasons(judged)
    figures: dict[str, Any] = {
        "gates": way,
        "reasons": why,
        "payoffs": pay,
        "findings": found,
        "tables": tables(judged),
        "clusters": alike,
        "rounds": found_rounds,
        "mistakes": _mistakes(found_rounds),
        "spending": spent,
        "stopped": stopped(run.facts).most_common(5),
        "second_thoughts": second_thoughts(judged),
        "paid": _paid(run),
        "comparison": comparison,
        "strength_bars": _strength(judged),
        "strength_words": _strength_words(judged),
        "solvability_bars": solved.bars() if solved else [],
        "solvability_words": solved.words() if solved else "",
    }
    makes: dict[str, drawing.Make | None] = {
        "funnel": charts.funnel(way),
        "reasons": charts.reasons(
            [(name, one["count"]) for name, one in _told_apart(why[:SHOWN])], len(judged)
        )
        if why
        else None,
        "payoffs": charts.payoffs(worth)
        if (worth := [one for one in pay if one.to_change and one.gain][:10])
        else None,
        "rounds": charts.round_rates(found_rounds) if any(one.reached for one in found_rounds) else None,
        "mistakes": charts.mistakes(found_rounds) if any(one.mistakes for one in found_rounds) else None,
        "tokens": charts.spending(spent, "tokens") if spent else None,
        "seconds": charts.spending(spent, "seconds") if spent else None,
        "strength": charts.histogram(
            figures["strength_bars"], "mutants found by the hidden cases", "problems"
        )
        if any(one.mutants for one in judged)
        else None,
        "solvability": charts.histogram(solved.bars(), "solvability s", "problems") if solved else None,
        "differences": charts.differences(_changes(comparison), f"{comparison.of} less {comparison.with_}")
        if comparison
        else None,
    }
    drawings = {
        name: {width: Markup(svg) for width, svg in drawing.drawn(make).items()}
        for name, make in makes.items()
        if make is not None
    }
    named = [example for one in (*why, *found) for example in _examples(one)]
    named += [example for those in alike.values() for one in those for example in one.examples]
    if comparison:
        named += [*comparison.gained, *comparison.lost]
    return Told(figures, drawings, tuple(dict.fromkeys(named)))


def page(run: RunFacts, told: Told, packed: Packed, run_uri: str) -> str:
    """The whole page."""
    style, script = (_resource(name) for name in ("report.css", "report.js"))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    asked = run.asked_models
    return environment.from_string(_resource("report.html.j2")).render(
        # Jinja would escape what a browser takes as it is between these tags.
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        charts=_Missing(told.drawings),
        run_id=run.run_id,
        run_uri=run_uri,
        about=about(run),
        sections=_sections(told),
        tiles=tiles(run),
        headlines=list(headlines(run, told.figures)),
        planned=run.planned,
        judged=len(run.judged),
        tried=len(run.facts),
        whole=packed.whole,
        models=asked,
        sides=SIDES,
        per_accepted=per_accepted,
        data_index=Markup(packed.index),
        data_records=Markup(packed.records),
        license=LICENSE,
        attribution=ATTRIBUTION,
        footer=_footer(run),
        **told.figures,
    )


def policy(style: str, script: str) -> str:
    """The page's Content-Security-Policy."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )


class _Missing(dict[str, Any]):
    """Charts that were not drawn are None in the template, and anything else unknown there is still an error."""

    def __missing__(self, key: str) -> None:
        return None


def _resource(name: str) -> str:
    return (files("codeseq_ray.reporting") / "templates" / name).read_text(encoding="utf-8")


def _footer(run: RunFacts) -> str:
    versions = ", ".join(
        f"{name} {version}" for name, version in sorted(run.manifest.get("versions", {}).items())
    )
    return f"Run {run.run_id}, fingerprint {run.manifest.get('fingerprint', '–')}; {versions}."


def _sections(told: Told) -> list[tuple[str, str]]:
    found = told.figures
    optional = {
        "compare": found["comparison"],
        "alike": found["clusters"],
        "rounds": found["rounds"],
        "spent": found["spending"],
        "strength": "strength" in told.drawings or "solvability" in told.drawings,
    }
    titles = {
        "glance": "At a glance",
        "compare": "Comparison",
        "way": "The way",
        "why": "Reasons",
        "change": "What to change",
        "kinds": "Kinds",
        "alike": "Alike",
        "rounds": "Rounds",
        "spent": "Tokens",
        "strength": "Tests",
        "records": "Every sequence",
    }
    return [(name, title) for name, title in titles.items() if optional.get(name, True)]


def _reasons(judged: list[Facts]) -> list[dict[str, Any]]:
    counts = Counter((one.step, one.reason) for one in judged if not one.accepted)
    found = []
    for (step, reason), count in counts.most_common():
        those = [one for one in judged if not one.accepted and (one.step, one.reason) == (step, reason)]
        found.append(
            {
                "reason": reason,
                "where": STEPS[step][0],
                "words": REASONS.get(reason, ""),
                "count": count,
                "share": share(count, len(judged)),
                "tokens": sum(one.tokens for one in those),
                "examples": tuple(one.sequence_id for one in those[:EXAMPLES]),
            }
        )
    return found


def _told_apart(why: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Each reason with a name of its own: a chart draws what is named alike one over the other."""
    times = Counter(one["reason"] for one in why)
    return [
        (one["reason"] if times[one["reason"]] == 1 else f"{one['reason']} ({one['where']})", one)
        for one in why
    ]


def _paid(run: RunFacts) -> tuple[int, int]:
    """Tokens and requests of all starts of the run."""
    tokens, requests = (sum(start.get(name, 0) for start in run.starts) for name in ("tokens", "requests"))
    return tokens, requests


def _mistakes(found: list[Any]) -> list[str]:
    sums: Counter[str] = sum((one.mistakes for one in found), Counter())
    return [name for name, _ in sums.most_common()]


def _strength(judged: list[Facts]) -> list[tuple[str, int]]:
    counts = Counter(10 * one.mutants_killed // one.mutants for one in judged if one.accepted and one.mutants)
    names = [f"{10 * tenth} to {10 * tenth + 9} %" for tenth in range(10)] + ["all"]
    return [(name, counts[tenth]) for tenth, name in enumerate(names)]


def _strength_words(judged: list[Facts]) -> str:
    tested = [one for one in judged if one.accepted and one.mutants]
    weak = sum(2 * one.mutants_killed < one.mutants for one in tested)
    return (
        f"How strong the hidden cases are: small faults were put into {len(tested):,} accepted programs; a problem "
        f"stands where its cases found so many of them. {weak:,} found fewer than half."
    )


def _changes(comparison: Comparison) -> list[tuple[str, Estimate, str]]:
    return [
        (
            one.name,
            one.change,
            f"{one.name}: {one.change.value:+.1%} ({one.change.low:+.1%} to {one.change.high:+.1%})",
        )
        for one in (comparison.accepted, *comparison.endings[: SHOWN - 1])
    ]


def _examples(one: Any) -> tuple[str, ...]:
    examples: tuple[str, ...] = one["examples"] if isinstance(one, Mapping) else one.examples
    return examples
