"""The plan of a run: made once from a pass over the whole input, stored, and read again by every later start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from codeseq_ray.errors import InputError
from codeseq_ray.oeis.source import Source
from codeseq_ray.pipeline.source import read, results, screened_tables
from codeseq_ray.records import PlanRow
from codeseq_ray.selection.plan import PlanBuilder, Screened
from codeseq_ray.selection.rules import SelectionSettings

SHOWN_DIAGNOSTICS = 100


@dataclass
class InputReport:
    """What reading the input came upon: counts by code, and the first diagnostics with their places."""

    counts: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)

    def add(self, code: str, text: str | None, count: int) -> None:
        self.counts[code] += count
        if text and len(self.first) < SHOWN_DIAGNOSTICS:
            self.first.append(text)


def make_plan(source: Source, settings: SelectionSettings) -> tuple[Iterator[PlanRow], InputReport]:
    """Screen every record on the cluster; families, caps and splits are decided here, over compact columns.

    The rows come by ascending A-number. Raises InputError if the input holds no sequence at all.
    """
    builder = PlanBuilder(settings)
    report = InputReport()
    records = 0
    screened = read(source.shards(), screened_tables(settings))
    for row in chain.from_iterable(results(screened)):
        if row["diagnostic_code"] is not None:
            report.add(row["diagnostic_code"], row["diagnostic"], row["count"])
        else:
            records += 1
            builder.add(Screened(row["number"], row["reason"], row["template_key"], tuple(row["term_keys"])))
    if not records:
        raise InputError(
            "the input holds no sequence that can be read; the first complaints were:\n"
            + "\n".join(f"  {line}" for line in report.first[:5])
        )
    if builder.duplicates:
        report.add("duplicate_across_files", None, builder.duplicates)
    return builder.rows(), report
