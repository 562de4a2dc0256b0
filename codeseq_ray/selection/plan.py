"""The plan: one row for every input id, made in two steps because the records stream through Ray tasks.

`screen_record` runs where a record is read and keeps a few numbers of it; `PlanBuilder` gathers these and, when
all have come, forms the families, caps them and splits them. The rows depend on the set of records and the
settings alone, not on the order of arrival (but for ids that come twice with different content: the first wins).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
from numpy.typing import NDArray

from codeseq_ray.cases import draw
from codeseq_ray.records import PlanRow, Sequence, Split
from codeseq_ray.selection.families import group, template_key, term_keys
from codeseq_ray.selection.rules import Drop, SelectionSettings, screen


@dataclass(frozen=True, slots=True)
class Screened:
    """What the plan needs to know of one sequence. Dropped sequences carry no keys: they join no family."""

    number: int
    reason: str = ""
    template_key: int = 0
    term_keys: tuple[int, ...] = ()


def screen_record(sequence: Sequence, settings: SelectionSettings) -> Screened:
    """Apply the rules, and compute the keys of a sequence that passes them."""
    reason = screen(sequence, settings)
    if reason:
        return Screened(sequence.number, reason)
    return Screened(sequence.number, "", template_key(sequence.name), term_keys(sequence.terms))


def make_plan(screened: Iterable[Screened], settings: SelectionSettings) -> Iterator[PlanRow]:
    """The rows of the plan, by ascending A-number."""
    builder = PlanBuilder(settings)
    for row in screened:
        builder.add(row)
    return builder.rows()


class PlanBuilder:
    """Gathers screened records in compact columns: 17 bytes each, and 8 per term key (up to 20) of those kept."""

    def __init__(self, settings: SelectionSettings) -> None:
        self._settings = settings
        self._numbers = array("q")
        self._reasons = array("B")
        self._codes: dict[str, int] = {"": 0}
        self._templates = array("q")
        self._keys = array("q")
        self._key_counts = array("B")

    def add(self, row: Screened) -> None:
        self._numbers.append(row.number)
        self._reasons.append(self._codes.setdefault(row.reason, len(self._codes)))
        self._templates.append(row.template_key)
        self._keys.extend(row.term_keys)
        self._key_counts.append(len(row.term_keys))

    @property
    def duplicates(self) -> int:
        """How many rows repeated an id that had come before. They are not in the plan."""
        return len(self._numbers) - len(set(self._numbers))

    def rows(self) -> Iterator[PlanRow]:
        """Form, cap and split the families, and yield the plan by ascending A-number."""
        numbers = np.array(self._numbers)
        reasons = np.array(self._reasons)
        order = np.argsort(numbers, kind="stable")
        first = np.append(True, np.diff(numbers[order]) != 0)[: len(order)]
        order = order[first]
        kept = order[reasons[order] == 0]
        families = self._families(kept)
        capped = self._over_cap(kept, families)
        family_numbers = numbers.copy()  # a dropped sequence is a family of its own
        family_numbers[kept] = numbers[kept][families]
        words = {code: word for word, code in self._codes.items()}
        for position in map(int, order):
            family = a_number(int(family_numbers[position]))
            reason = words[int(reasons[position])] or (Drop.FAMILY_CAP.value if position in capped else "")
            yield PlanRow(
                sequence_id=a_number(int(numbers[position])),
                family=family,
                split=family_split(family, self._settings),
                selected=not reason,
                reason=reason,
            )

    def _families(self, kept: NDArray[np.int64]) -> NDArray[np.int32]:
        """For each kept record, in order of A-number, the place in `kept` of its family's first member."""
        rank = np.full(len(self._numbers), -1, dtype=np.int32)
        rank[kept] = np.arange(len(kept))
        owners = np.repeat(rank, np.asarray(self._key_counts))
        # `asarray` shares the column's memory; it is the largest by far.
        return group(np.array(self._templates)[kept], np.asarray(self._keys), owners)

    def _over_cap(self, kept: NDArray[np.int64], families: NDArray[np.int32]) -> set[int]:
        """Records beyond the cap. Which members stay is drawn by seed, so that low A-numbers are not favoured."""
        sizes = np.bincount(families, minlength=len(families))
        crowded = np.flatnonzero(sizes[families] > self._settings.family_cap).tolist()
        members: dict[int, list[tuple[int, int]]] = {}
        for i in crowded:
            position = int(kept[i])
            chance = draw(self._settings.seed, "member", a_number(self._numbers[position]))
            members.setdefault(int(families[i]), []).append((chance, position))
        return {
            position
            for drawn in members.values()
            for _, position in sorted(drawn)[self._settings.family_cap :]
        }


def a_number(number: int) -> str:
    """45 → "A000045"."""
    return f"A{number:06d}"


def family_split(family: str, settings: SelectionSettings) -> Split:
    """What a family is for: drawn from the seed and its id alone, so that other families never move it."""
    shares = {Split.SFT: settings.split_sft, Split.RL: settings.split_rl, Split.EVAL: settings.split_eval}
    chance = draw(settings.seed, "split", family) / 2**64 * sum(shares.values())
    for split, share in shares.items():
        if chance < share:
            return split
        chance -= share
    return max(shares, key=lambda split: shares[split])  # rounding left a hair above the last share


def limited(sequence_ids: Iterable[str], limit: int, seed: int) -> list[str]:
    """`limit` of the ids, drawn by seed, in ascending order. A smaller limit draws a subset of a larger one."""
    drawn = nsmallest(limit, sequence_ids, key=lambda i: (draw(seed, "limit", i), i))
    return sorted(drawn, key=lambda i: int(i[1:]))
