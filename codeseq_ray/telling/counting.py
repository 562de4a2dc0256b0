"""What became of the sequences of a run: by outcome, stage and reason, with what each took."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from codeseq_ray.cases import draw
from codeseq_ray.records import Outcome
from codeseq_ray.telling.lines import Line, Lines, Tone, block, head, title
from codeseq_ray.telling.lines import field as labelled
from codeseq_ray.telling.reading import Seen, ledger_rows
from codeseq_ray.telling.reasons import words
from codeseq_ray.telling.words import columns

Key = tuple[str, str, str]
"""Outcome, stage, reason."""


@dataclass
class Group:
    """Sequences (of rollouts: answers) that ended in the same way."""

    outcome: str
    stage: str
    reason: str
    count: int = 0
    tokens: int = 0
    corrections: int = 0
    example: str = ""
    timed: int = 0
    """Of them, those whose records were read for the seconds."""
    model_seconds: float = 0.0
    """Of these, what model servers took; answers from the cache have none."""
    program_seconds: float = 0.0
    """Of these, CPU of all their programs."""

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "words": words(self.reason)}


@dataclass(frozen=True)
class Counted:
    """A run in figures."""

    groups: list[Group]
    """By outcome, then the commonest first."""
    dropped: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By the rule's code: how many, and one of them."""
    planned: int = 0
    selected: int = 0

    @property
    def outcomes(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def tokens(self) -> int:
        return sum(group.tokens for group in self.groups)


def count(seen: Seen, most: int, seed: int) -> Counted:
    """Count all outcomes and drops; read up to about `most` records, whole segments of them, for the seconds."""
    counting = seen.counting()
    table = pa.table(
        {
            "number": counting["number"],
            **{n: pc.cast(counting[n], pa.string()) for n in ("outcome", "stage", "reason", "record_key")},
            "tokens": counting["tokens"],
            "rounds": counting["rounds"],
        }
    )
    keys = ["outcome", "stage", "reason"]
    summed = table.group_by(keys).aggregate(
        [("number", "count"), ("number", "min"), ("tokens", "sum"), ("rounds", "sum")]
    )
    groups = {
        (row["outcome"], row["stage"], row["reason"]): Group(
            row["outcome"],
            row["stage"],
            row["reason"],
            count=row["number_count"],
            tokens=row["tokens_sum"],
            corrections=row["rounds_sum"],
            example=f"A{row['number_min']:06d}",
        )
        for row in summed.to_pylist()
    }
    _time(seen, counting, groups, most, seed)
    order = [outcome.value for outcome in Outcome]
    dropped, planned, selected = _plan(seen)
    return Counted(
        sorted(groups.values(), key=lambda g: (order.index(g.outcome), -g.count, g.stage, g.reason)),
        dropped,
        planned,
        selected,
    )


def _time(seen: Seen, counting: pa.Table, groups: Mapping[Key, Group], most: int, seed: int) -> None:
    """Add seconds from records, as many whole segments as `most` allows, drawn by the seed."""
    sizes = Counter(pc.cast(counting["record_key"], pa.string()).to_pylist())
    drawn: set[str] = set()
    read = 0
    for key in sorted(sizes, key=lambda key: (draw(seed, "seconds", key), key)):
        if read >= most:
            break
        drawn.add(key)
        read += sizes[key]
    within = pc.is_in(pc.cast(counting["record_key"], pa.string()), pa.array(sorted(drawn), pa.string()))
    for text in seen.texts(ledger_rows(counting.filter(within))):
        record = json.loads(text)
        # What a rollout's stage is, its record does not say.
        group = groups[record["outcome"], record.get("stage", "rollout"), record["reason"]]
        group.timed += 1
        calls = record["calls"] if "calls" in record else [record["call"]]
        group.model_seconds += sum(call["seconds"] for call in calls if call)
        group.program_seconds += _cpu_ms(record) / 1000


def _cpu_ms(value: Any) -> float:
    """CPU of all verdicts that are anywhere in a record."""
    if isinstance(value, dict):
        own: float = value.get("cpu_ms", 0.0)
        return own + sum(_cpu_ms(part) for part in value.values() if isinstance(part, dict | list))
    return sum(_cpu_ms(part) for part in value if isinstance(part, dict | list))


def _plan(seen: Seen) -> tuple[dict[str, tuple[int, str]], int, int]:
    """Rule drops with an example each, commonest first; planned; selected."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    selected = 0
    for table in seen.plan():
        summed = table.group_by(["selected", "reason"]).aggregate(
            [("sequence_id", "count"), ("sequence_id", "min")]
        )
        for row in summed.to_pylist():
            if row["selected"]:
                selected += row["sequence_id_count"]
            else:
                counts[row["reason"]] += row["sequence_id_count"]
                examples.setdefault(row["reason"], row["sequence_id_min"])
    dropped = {reason: (n, examples[reason]) for reason, n in counts.most_common()}
    return dropped, selected + counts.total(), selected


def table(seen: Seen, counted: Counted) -> Lines:
    """The whole count for a person."""
    yield title(seen.run.uri)
    whole = counted.outcomes
    if seen.holds_rollouts:
        yield from labelled("rollouts", f"{whole:,} of {len(seen.numbers):,} problems")
    else:
        missing = counted.selected - whole
        left = f", {missing:,} without one yet" if missing > 0 else ""
        yield from labelled(
            "plan",
            f"{counted.planned:,} planned, {counted.selected:,} selected; {whole:,} have an outcome{left}",
        )
        if seen.open_again:
            yield from labelled(
                "again", f"{len(seen.open_again):,} were opened again by --retry; their old outcomes stand"
            )
    for outcome in Outcome:
        groups = [group for group in counted.groups if group.outcome == outcome]
        if not groups:
            continue
        total = sum(group.count for group in groups)
        yield Line()
        yield head(f"{outcome.value}  {total:,} of {whole:,} ({total / whole:.1%})")
        yield from _rows(groups, counted)
    timed = sum(group.timed for group in counted.groups)
    yield Line()
    if whole:
        yield from block(
            "tokens, secs, cpu, corr: means of one sequence. paid: the row's share of all tokens.\n"
            "secs: of model servers, answers from the cache none; cpu: seconds of programs;\n"
            f"both from {timed:,} records. corr: corrections.",
            Tone.QUIET,
            indent=0,
        )
    else:
        yield Line("no sequence has come to an outcome yet", Tone.QUIET)
    if counted.dropped:
        yield Line()
        total = sum(n for n, _ in counted.dropped.values())
        yield head(f"dropped by rules  {total:,} of {counted.planned:,} ({total / counted.planned:.1%})")
        rows = [
            (f"{n:,}", f"{n / counted.planned:.1%}", example, reason)
            for reason, (n, example) in counted.dropped.items()
        ]
        yield from _told(("count", "share", "example", "reason"), rows, list(counted.dropped))


_HEADS = ("count", "share", "tokens", "paid", "secs", "cpu", "corr", "example", "reason")


def _rows(groups: list[Group], counted: Counted) -> Lines:
    def each(value: float, of: int, form: str) -> str:
        return format(value / of, form) if of else "–"

    rows = [
        (
            f"{g.count:,}",
            f"{g.count / counted.outcomes:.1%}",
            each(g.tokens, g.count, ",.0f"),
            f"{g.tokens / counted.tokens:.0%}" if counted.tokens else "–",
            each(g.model_seconds, g.timed, ".1f"),
            each(g.program_seconds, g.timed, ".2f"),
            each(g.corrections, g.count, ".1f"),
            g.example,
            g.reason or "–",
        )
        for g in groups
    ]
    said = [f"at {g.stage}: {words(g.reason)}" if g.reason else "" for g in groups]
    yield from _told(_HEADS, rows, [], said)


def _told(
    heads: tuple[str, ...], rows: Iterable[tuple[str, ...]], reasons: list[str], said: list[str] | None = None
) -> Lines:
    """A table, and under each row what its reason means."""
    lines = columns(heads, rows, left=(len(heads) - 1,))
    yield Line(lines[0], Tone.QUIET)
    for line, meaning in zip(lines[1:], said or list(map(words, reasons)), strict=True):
        yield Line(line, Tone.TABLE)
        if meaning:
            yield Line(meaning, Tone.QUIET, indent=8)
