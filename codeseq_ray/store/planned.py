"""The whole plan in A-number order, as columns: about 100 bytes a sequence, most of them its family's name."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from codeseq_ray.errors import UsageError
from codeseq_ray.records import PlanRow, Split

_SPLITS = list(Split)


class Planned:
    """Raises UsageError for a plan that lists a sequence twice."""

    def __init__(self, rows: Iterable[PlanRow]) -> None:
        numbers, splits, reasons = array("q"), array("B"), array("l")
        self._families: list[str] = []
        known: dict[str, int] = {"": 0}
        for row in rows:
            numbers.append(int(row.sequence_id[1:]))
            splits.append(_SPLITS.index(row.split))
            reasons.append(0 if row.selected else known.setdefault(row.reason or "?", len(known)))
            self._families.append(sys.intern(row.family))
        self._numbers, self._splits, self._reasons = (
            np.array(column) for column in (numbers, splits, reasons)
        )
        self._words = list(known)
        self._order = np.argsort(self._numbers, kind="stable")
        ascending = self._numbers[self._order]
        twice = ascending[1:][ascending[1:] == ascending[:-1]]
        if len(twice):
            raise UsageError(
                f"the plan lists A{int(twice[0]):06d} twice: delete the run's plan/ to have it made anew"
            )
        self.selected = frozenset(self._numbers[self._reasons == 0].tolist())
        """A-numbers."""

    def __iter__(self) -> Iterator[PlanRow]:
        """Rows by ascending A-number."""
        for at in self._order.tolist():
            reason = self._words[self._reasons[at]]
            yield PlanRow(
                sequence_id=f"A{int(self._numbers[at]):06d}",
                family=self._families[at],
                split=_SPLITS[int(self._splits[at])],
                selected=not reason,
                reason=reason,
            )
