"""The live view of a run: one moment as lines for a terminal of a given size. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from codeseq_ray.watching.line import ending_words
from codeseq_ray.watching.plain import plain
from codeseq_ray.watching.snapshot import Snapshot, backlog_words, clock, per, replies_words, to_go
from codeseq_ray.watching.standing import LAST

LABEL = 10
"""Columns of the words at the left."""
WIDE = 140
"""Columns from which reasons and last endings stand side by side."""
_SHARE = 5 / 6
"""Of the rows, what the view may take: what is said meanwhile keeps the rest."""
_COLOURS = ("green", "yellow", "red")
"""Of accepted, rejected, failed."""


@dataclass
class Section:
    """Lines that belong together. Where rows are few, the section of the highest `rank` loses its last line first."""

    rank: int
    lines: list[Text]
    least: int = 1
    """With fewer lines it says nothing, and goes as a whole."""


def frame(now: Snapshot, columns: int, rows: int) -> list[Text]:
    """The view of a moment, for so large a terminal: at most five sixths of its rows, at least one."""
    width = max(20, columns - 1)  # a line that fills the last column would wrap
    room = max(1, min(rows - 2, int(rows * _SHARE)))
    sections = [
        Section(8, [_title(now, width)]),
        Section(0, [_progress(now, width)]),
        Section(1, [_field("to go", Text(_how_long(now)))]),
        Section(2, [_field("so far", _outcomes(now))]),
        Section(7, _stages(now), least=3),
        Section(3, _servers(now, width)),
        Section(4, _spent(now)),
        Section(5, _sandbox(now)),
        Section(9, _notices(now)),
        *_why_not(now, width, room),
    ]
    if now.ending is not None:
        sections.insert(2, Section(0, [_ending(now)]))
    kept = _fitting(sections, room)
    lines = [line for section in kept for line in section.lines]
    for line in lines:
        line.truncate(columns - 1, overflow="ellipsis")
    return lines


def _fitting(sections: list[Section], room: int) -> list[Section]:
    sections = [section for section in sections if section.lines]
    while sum(len(section.lines) for section in sections) > room:
        last = max(sections, key=lambda section: section.rank)
        last.lines.pop()
        if len(last.lines) < last.least:
            sections.remove(last)
    return sections


def drawn(lines: Iterable[Text], file: TextIO, columns: int) -> list[str]:
    """Lines as this terminal shows them: with its colours, or without (NO_COLOR)."""
    console = Console(
        file=file, force_terminal=True, width=columns, highlight=False, markup=False, emoji=False
    )
    result = []
    for line in lines:
        with console.capture() as captured:
            console.print(line, end="", no_wrap=True, overflow="crop", crop=True)
        result.append(captured.get())
    return result


# ---------------------------------------------------------------------------------------------- sections


def _field(label: str, *words: Text | str) -> Text:
    return Text.assemble((label.ljust(LABEL), "dim"), *words)


def _title(now: Snapshot, width: int) -> Text:
    running = f"running {clock(now.seconds)}"
    where = plain(f"run {now.run}  {now.uri}")
    left = Text(where, style="bold")
    left.truncate(max(1, width - len(running) - 2), overflow="ellipsis")
    gap = " " * max(2, width - left.cell_len - len(running))
    return Text.assemble(left, gap, (running, "dim"))


def _progress(now: Snapshot, width: int) -> Text:
    """A bar of what became of the things, over the whole width."""
    share = now.done / now.total if now.total else 1.0
    words = f" {now.done:,} of {now.total:,}  {share:.1%}"
    cells = max(1, width - len(words))
    parts, used = [], 0
    for count, colour in zip(now.counts, _COLOURS, strict=True):
        long = min(cells - used, round(cells * count / now.total)) if now.total else 0
        parts.append(("━" * long, colour))
        used += long
    return Text.assemble(*parts, ("─" * (cells - used), "dim"), (words, "bold"))


def _how_long(now: Snapshot) -> str:
    pace = now.history.rate("done")
    return f"{to_go(now.eta)}, {per(pace)} in the last minute" if now.done else to_go(now.eta)


def _outcomes(now: Snapshot) -> Text:
    text = Text()
    finished = sum(now.counts)
    for count, word, colour in zip(now.counts, now.words.outcomes, _COLOURS, strict=True):
        text.append(f"{count:,} {word}", style=colour if count else "dim")
        text.append(f" ({count / finished:.1%})" if finished and count else "", style="dim")
        text.append("   ")
    text.append(f"{now.standing.open:,} open")
    return text


def _stages(now: Snapshot) -> list[Text]:
    """A column for each stage, for they are few and always the same."""
    stages = now.stages
    if not stages:
        return []
    columns = [
        (stage, f"{at:,}", f"{entered:,}", per(rate) if rate else "–") for stage, at, entered, rate in stages
    ]
    widths = [max(map(len, column)) for column in columns]
    rows = list(zip(*columns, strict=True))
    styles = ("dim", "bold", "", "")
    return [
        _field(
            label,
            Text("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)), style=style),
        )
        for label, row, style in zip(("stage", "there now", "came", "rate"), rows, styles, strict=True)
    ]


def _servers(now: Snapshot, width: int) -> list[Text]:
    """A line for each role and server: those with trouble first, as they are the last to be left out."""
    found = sorted(
        now.standing.servers.items(),
        key=lambda item: (item[1].up >= item[1].clients, -item[1].errors),
    )
    names = [plain(url).removeprefix("http://") for (_, url), _ in found]
    shown = min(max(map(cell_len, names), default=0), max(12, width - 60))
    out = "in flight" if width >= 100 else "out"
    lines = []
    told: set[str] = set()
    for number, ((role, _), one) in enumerate(found):
        name = Text(names[number])
        name.truncate(shown, overflow="ellipsis", pad=True)
        down = one.clients - one.up
        state = "up" if not down else "down" if down == one.clients else f"down for {down} of {one.clients}"
        text = Text.assemble(
            f"{'both roles' if '+' in role else plain(role, 10):<10} ",
            name,
            "  ",
            (f"{state:<5}", "green" if not down else "red"),
            f"{one.in_flight:>6,}/{one.limit:,} {out}",
        )
        if one.errors:
            text.append(f"   {one.errors:,} errors", style="yellow")
        if (waiting := now.standing.waiting_for(role)) and role not in told:
            told.add(role)
            text.append(f"   {waiting:,} waiting")
        if one.errors:
            text.append(f"   {replies_words(one.replies)}", style="dim")
        lines.append(_field("models" if not number else "", text))
    return lines


def _spent(now: Snapshot) -> list[Text]:
    spent, each = now.standing.spent, now.tokens_per_row
    if not spent.requests:
        return []
    words = f"{spent.tokens:,} in {spent.requests:,} requests, {per(now.history.rate('tokens'))}"
    return [_field("tokens", words + (f", {each:,.0f} per {now.words.row}" if each is not None else ""))]


def _sandbox(now: Snapshot) -> list[Text]:
    waits = backlog_words(now.standing.backlog)
    if not now.standing.runs and not waits:
        return []
    words = f"{now.standing.runs:,} runs, {per(now.history.rate('runs'))}"
    return [_field("sandbox", words + (f"; waiting: {waits}" if waits else ""))]


def _notices(now: Snapshot) -> list[Text]:
    again = [(line, count) for line, count in now.notices.most_common(3) if count > 1]
    return [
        _field("said" if not number else "", f"{count:,} × ", Text(plain(line), style="yellow"))
        for number, (line, count) in enumerate(again)
    ]


def _why_not(now: Snapshot, width: int, room: int) -> list[Section]:
    """Reasons with their counts, and what ended last: below each other, side by side where there is room."""
    if width < WIDE:
        few = "   ".join(
            f"{plain(reason)} {count:,}" for (_, reason), count in now.standing.reasons.most_common(4)
        )
        return [Section(6, [_field("why not", few)] if few else []), Section(10, _last(now, width, 6))]
    reasons = [
        _field("why not" if not k else "", f"{count:>7,}  {plain(reason):<24} {plain(stage)}")
        for k, ((stage, reason), count) in enumerate(now.standing.reasons.most_common(max(3, room - 16)))
    ]
    half = max((line.cell_len for line in reasons), default=0) + 4
    last = _last(now, width - half, LAST)
    # A blank line above, so that the block is a block.
    lines = [Text()] if reasons or last else []
    for left, right in zip_longest(reasons, last, fillvalue=Text()):
        lines.append(Text.assemble(left, " " * (half - left.cell_len), right))
    return [Section(10, lines)]


def _last(now: Snapshot, width: int, most: int) -> list[Text]:
    """The latest first."""
    lines = []
    for number, ended in enumerate(reversed(now.standing.last[-most:])):
        colour = "red" if ended.outcome == "failed" else ""
        text = Text.assemble(
            f"{plain(ended.sequence_id, 12)}  ", (f"{plain(ended.reason, 24)}", colour or "yellow"), "  "
        )
        text.append(plain(ended.detail, 200) or ended.stage, style="dim")
        line = _field("last" if not number else "", text)
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return lines


def _ending(now: Snapshot) -> Text:
    assert now.ending is not None
    return Text.assemble(
        ("ending".ljust(LABEL), "bold yellow"),
        (f"{plain(now.ending.reason)}: {ending_words(now)}; ", "yellow"),
        ("Ctrl-C again: now", "dim"),
    )
