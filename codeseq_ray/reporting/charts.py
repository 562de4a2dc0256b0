"""The report's charts, each made for a given width; the data come from the rooms beside this one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

import altair as alt

from codeseq_ray.reporting.drawing import (
    ACCENT,
    BAD,
    BROKEN,
    GOOD,
    INK,
    NARROW,
    OPEN,
    SERIES,
    Make,
)
from codeseq_ray.reporting.funnel import Gate
from codeseq_ray.reporting.intervals import Estimate
from codeseq_ray.reporting.levers import Payoff
from codeseq_ray.reporting.rounds import RoundYield
from codeseq_ray.reporting.spending import Line

ROW = 30
"""Pixels of a bar with its gap."""
MISTAKES = 7
"""Kinds of mistakes that have a colour of their own."""
OTHER = "other"
_ENDS = {"passed": GOOD, "stopped": BAD, "failed": BROKEN, "open": OPEN}
_OUTCOMES = {"accepted": GOOD, "rejected": BAD, "failed": BROKEN}

Rows = list[dict[str, Any]]


def funnel(gates: Sequence[Gate]) -> Make:
    """Gate by gate: how many passed it, and how many each reason stopped."""
    rows: Rows = []
    for at, gate in enumerate(gates):
        parts = [("passed", "passed", gate.passed), ("failed", "not judged", gate.failed)]
        parts += [("open", "without an outcome yet", gate.untried)]
        parts += [("stopped", reason, count) for reason, count in gate.lost.most_common()]
        for order, (end, words, count) in enumerate(
            sorted(parts, key=lambda part: list(_ENDS).index(part[0]))
        ):
            if count:
                rows.append(
                    {
                        "gate": gate.name,
                        "at": at,
                        "end": end,
                        "order": order,
                        "count": count,
                        "tip": f"{gate.name}: {count:,} {words}",
                    }
                )
    return partial(_stacked, rows, "sequences", _ENDS)


def reasons(counts: Sequence[tuple[str, int]], of: int) -> Make:
    """Why sequences were not accepted, the commonest first."""
    rows = [
        {
            "name": name,
            "at": at,
            "count": count,
            "said": f"{count:,}",
            "tip": f"{name}: {count:,} of {of:,} ({count / of:.1%})",
        }
        for at, (name, count) in enumerate(counts)
    ]
    return partial(_labelled, rows, "sequences", BAD)


def payoffs(found: Sequence[Payoff]) -> Make:
    """What each reason keeps away, if those it stopped fared like the others; with its interval."""
    rows = [
        {
            "name": f"{one.reason} ({one.where})",
            "at": at,
            "count": gain.value,
            "low": gain.low,
            "high": gain.high,
            "tip": f"{one.reason}: {gain.value:,.0f} accepted more ({gain.low:,.0f} to {gain.high:,.0f}), if alike",
        }
        for at, one in enumerate(found)
        if (gain := one.gain) is not None
    ]
    return partial(_whiskers, rows, "accepted sequences more, if they fared alike", ACCENT, ",.0f")


def round_rates(found: Sequence[RoundYield]) -> Make:
    """Share of the programs of each round that passed, with its interval."""
    rows = [
        {
            "name": f"round {one.number}" if one.number else "first program",
            "at": one.number,
            "count": one.rate.value,
            "low": one.rate.low,
            "high": one.rate.high,
            "tip": f"round {one.number}: {one.solved:,} of {one.reached:,} passed ({one.rate.value:.0%})",
        }
        for one in found
        if one.reached
    ]
    return partial(_whiskers, rows, "share of the round's programs that passed", GOOD, ".0%")


def mistakes(found: Sequence[RoundYield]) -> Make:
    """What was wrong with each round's programs."""
    sums: Counter[str] = sum((one.mistakes for one in found), Counter())
    named = [name for name, _ in sums.most_common(MISTAKES)]
    colours = {name: SERIES[at] for at, name in enumerate(named)}
    if len(sums) > len(named):
        colours[OTHER] = SERIES[MISTAKES]
    rows: Rows = []
    for one in found:
        counts: Counter[str] = Counter()
        for name, count in one.mistakes.items():
            counts[name if name in named else OTHER] += count
        for order, name in enumerate(colours):
            if counts[name]:
                label = f"round {one.number}" if one.number else "first program"
                rows.append(
                    {
                        "gate": label,
                        "at": one.number,
                        "end": name,
                        "order": order,
                        "count": counts[name],
                        "tip": f"{label}: {counts[name]:,} × {name}",
                    }
                )
    return partial(_stacked, rows, "programs that failed", colours)


def spending(lines: Sequence[Line], unit: str) -> Make:
    """`unit` (`tokens` or `seconds`) by stage, coloured by what became of the sequences."""
    sums: defaultdict[tuple[str, str], float] = defaultdict(float)
    for line in lines:
        sums[line.stage, line.outcome] += line.tokens if unit == "tokens" else line.seconds
    stages = list(dict.fromkeys(line.stage for line in lines))
    rows = [
        {
            "gate": stage,
            "at": stages.index(stage),
            "end": outcome,
            "order": list(_OUTCOMES).index(outcome),
            "count": count,
            "tip": f"{stage}: {count:,.0f} {unit} of {outcome} sequences",
        }
        for (stage, outcome), count in sums.items()
    ]
    return partial(_stacked, rows, unit, _OUTCOMES)


def histogram(counts: Sequence[tuple[str, int]], title: str, of: str) -> Make:
    """Counts in the order given, standing bars."""
    rows = [
        {"name": name, "at": at, "count": count, "tip": f"{name}: {count:,} {of}"}
        for at, (name, count) in enumerate(counts)
    ]

    def make(width: int) -> alt.TopLevelMixin:
        bars = _over(rows).mark_bar(color=ACCENT)
        chart: alt.Chart = bars.encode(
            x=alt.X("name:N", sort=_in_order(rows, "name"), title=title, axis=alt.Axis(labelAngle=-40)),
            y=alt.Y("count:Q", title=of, axis=_counted(4)),
            description="tip:N",
        )
        return chart.properties(width=width - 70, height=190)

    return make


def differences(rows: Sequence[tuple[str, Estimate, str]], title: str) -> Make:
    """(name, difference, tip): a dot with its interval, against a line at zero."""
    values = [
        {"name": name, "at": at, "count": one.value, "low": one.low, "high": one.high, "tip": tip}
        for at, (name, one, tip) in enumerate(rows)
    ]

    def make(width: int) -> alt.TopLevelMixin:
        base = _over(values).encode(y=_names(values, width), description="tip:N")
        zero = _over([{"x": 0}]).mark_rule(strokeDash=[4, 3], aria=False).encode(x="x:Q")
        bars = base.mark_rule(strokeWidth=2, color=ACCENT).encode(
            x=alt.X("low:Q", title=title, axis=alt.Axis(format="+.0%", tickCount=_ticks(width))), x2="high:Q"
        )
        dots = base.mark_circle(size=90, color=ACCENT, opacity=1).encode(x="count:Q")
        return alt.layer(zero, bars, dots).properties(width=_plot(width), height=ROW * len(values))

    return make


# ------------------------------------------------------------------------------------------------- shapes


def _stacked(rows: Rows, title: str, colours: dict[str, str], width: int) -> alt.TopLevelMixin:
    present = [name for name in colours if any(row["end"] == name for row in rows)]
    bars = _over(rows).mark_bar(stroke="#ffffff", strokeOpacity=0.55, strokeWidth=0.6)
    chart: alt.Chart = bars.encode(
        x=alt.X("sum(count):Q", title=title, axis=_counted(_ticks(width)), stack="zero"),
        y=alt.Y("gate:N", sort=_in_order(rows, "gate"), title=None, axis=_limited(width)),
        color=alt.Color(
            "end:N",
            title=None,
            scale=alt.Scale(domain=present, range=[colours[name] for name in present]),
            legend=alt.Legend(columns=1 if width == NARROW else 4) if len(present) > 1 else None,
        ),
        order=alt.Order("order:Q"),
        detail="tip:N",
        description="tip:N",
    )
    return chart.properties(width=_plot(width), height=ROW * len({row["gate"] for row in rows}))


def _labelled(rows: Rows, title: str, colour: str, width: int) -> alt.TopLevelMixin:
    base = _over(rows).encode(
        y=_names(rows, width),
        x=alt.X("count:Q", title=title, axis=_counted(_ticks(width))),
        description="tip:N",
    )
    bars = base.mark_bar(color=colour)
    words = base.mark_text(align="left", dx=4, aria=False).encode(text="said:N")
    return alt.layer(bars, words).properties(width=_plot(width) - 40, height=ROW * len(rows))


def _whiskers(rows: Rows, title: str, colour: str, form: str, width: int) -> alt.TopLevelMixin:
    axis = alt.Axis(format=form, tickCount=_ticks(width))
    base = _over(rows).encode(y=_names(rows, width), description="tip:N")
    bars = base.mark_bar(color=colour).encode(x=alt.X("count:Q", title=title, axis=axis))
    ends = base.mark_rule(color=INK).encode(x="low:Q", x2="high:Q")
    return alt.layer(bars, ends).properties(width=_plot(width), height=ROW * len(rows))


def _over(rows: Rows) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=rows))


def _names(rows: Rows, width: int) -> alt.Y:
    return alt.Y("name:N", sort=_in_order(rows, "name"), title=None, axis=_limited(width))


def _in_order(rows: Rows, side: str) -> list[str]:
    return list(dict.fromkeys(str(row[side]) for row in sorted(rows, key=lambda row: int(row["at"]))))


def _limited(width: int) -> alt.Axis:
    return alt.Axis(labelLimit=120 if width == NARROW else 220)


def _counted(ticks: int) -> alt.Axis:
    return alt.Axis(format=",.0f", tickCount=ticks, tickMinStep=1)


def _plot(width: int) -> int:
    """The plot's own width beside its labels."""
    return width - (125 if width == NARROW else 225)


def _ticks(width: int) -> int:
    return 3 if width == NARROW else 6
