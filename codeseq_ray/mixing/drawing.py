"""Which of the kept rows become the mix: each text once, exactly in the ratio, drawn by key."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from codeseq_ray.mixing.chats import Reason
from codeseq_ray.mixing.ratio import CODESEQ, GENERAL, Shares

Mask = NDArray[np.bool_]


@dataclass
class Usable:
    """What a first walk through the sorted rows finds: 8 bytes for each usable row."""

    samples: dict[str, array[int]] = field(default_factory=lambda: {GENERAL: array("Q"), CODESEQ: array("Q")})
    """Of each side, the numbers that decide who is taken."""
    duplicates: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By side and source."""

    def count(self, side: str) -> int:
        return len(self.samples[side])


def usable(tables: Iterable[pa.Table], *, dedup: bool) -> Usable:
    """`tables` are sorted rows with the columns `sample`, `source` and `reason`."""
    found = Usable()
    for table in tables:
        good = _good(table)
        repeated = _repeated(table, good) if dedup else np.zeros(len(good), bool)
        general = table["general"].to_numpy()
        sample = table["sample"].to_numpy()
        for side, mine in ((GENERAL, general), (CODESEQ, ~general)):
            found.samples[side].frombytes(sample[good & ~repeated & mine].tobytes())
        again = table.filter(pa.array(repeated))
        for source, is_general in zip(again["source"].to_pylist(), again["general"].to_pylist(), strict=True):
            found.duplicates[GENERAL if is_general else CODESEQ, source] += 1
    return found


class Draw:
    """Decides row by row, in order, after all usable rows are known."""

    def __init__(self, found: Usable, shares: Shares, *, dedup: bool) -> None:
        self._dedup = dedup
        self._bounds = {
            GENERAL: _Bound.of(found.samples[GENERAL], shares.general),
            CODESEQ: _Bound.of(found.samples[CODESEQ], shares.codeseq),
        }

    def split(self, tables: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Of each table of sorted rows, those of the mix, and those that were dropped for a reason."""
        for table in tables:
            good = _good(table)
            repeated = _repeated(table, good) if self._dedup else np.zeros(len(good), bool)
            general = table["general"].to_numpy()
            sample = table["sample"].to_numpy()
            taken = np.zeros(len(good), bool)
            for side, mine in ((GENERAL, general), (CODESEQ, ~general)):
                at = np.flatnonzero(good & ~repeated & mine)
                taken[at] = self._bounds[side].takes(sample[at])
            yield table.filter(pa.array(taken)), _dropped(table, good, repeated)


@dataclass
class _Bound:
    """Takes what is below a number, and so many of those that are equal to it."""

    bound: int
    equals: int

    @classmethod
    def of(cls, samples: array[int], wanted: int) -> _Bound:
        if wanted == 0:
            return cls(0, 0)
        numbers = np.frombuffer(samples, np.uint64)
        bound = np.partition(numbers, wanted - 1)[wanted - 1]
        return cls(int(bound), wanted - int((numbers < bound).sum()))

    def takes(self, samples: NDArray[np.uint64]) -> Mask:
        mask: Mask = samples < np.uint64(self.bound)
        equal = np.flatnonzero(samples == np.uint64(self.bound))[: self.equals]
        self.equals -= len(equal)
        mask[equal] = True
        return mask


def _good(table: pa.Table) -> Mask:
    """Rows without a reason against them."""
    mask: Mask = pc.is_null(table["reason"]).to_numpy()
    return mask


def _repeated(table: pa.Table, good: Mask) -> Mask:
    """Good rows whose text an earlier good row has. Equal texts stand together."""
    at = np.flatnonzero(good)
    digests = table["digest"].take(pa.array(at)).combine_chunks()
    repeated = np.zeros(len(good), bool)
    if len(at) > 1:
        repeated[at[1:]] = pc.equal(digests[1:], digests[:-1]).to_numpy(zero_copy_only=False)
    return repeated


def _dropped(table: pa.Table, good: Mask, repeated: Mask) -> pa.Table:
    reasons = pc.if_else(pa.array(repeated), pa.scalar(Reason.DUPLICATE.value), table["reason"])
    table = table.set_column(table.schema.get_field_index("reason"), "reason", reasons)
    return table.filter(pa.array(repeated | ~good))
