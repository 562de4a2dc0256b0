"""How much of each side a mix takes: exact shares of what is there."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from codeseq_ray.errors import UsageError

GENERAL, CODESEQ = "general", "codeseq"
"""The two sides, as the column `origin` names them."""

_RATIO = re.compile(r"([1-9]\d{0,8}):([1-9]\d{0,8})")


@dataclass(frozen=True)
class Ratio:
    """Rows of the general side to rows of ours, in lowest terms."""

    general: int
    codeseq: int

    @classmethod
    def parse(cls, text: str) -> Ratio:
        """`general:codeseq`, as in `5:1`. Raises ValueError for anything but two positive integers."""
        if (found := _RATIO.fullmatch(text.strip())) is None:
            raise ValueError(f"{text!r}: expected general:codeseq as two positive integers, as in 5:1")
        general, codeseq = int(found[1]), int(found[2])
        common = math.gcd(general, codeseq)
        return cls(general // common, codeseq // common)

    def __str__(self) -> str:
        return f"{self.general}:{self.codeseq}"


@dataclass(frozen=True)
class Shares:
    """Rows of each side that a mix takes: exactly in the ratio."""

    general: int
    codeseq: int
    limited_by: str
    """The side whose rows end first; `total` when fewer rows were asked for than there are."""

    @property
    def total(self) -> int:
        return self.general + self.codeseq


def shares(ratio: Ratio, general: int, codeseq: int, total: int | None = None) -> Shares:
    """The most rows in exactly this ratio out of so many of each side; with `total`, at most so many rows.

    Raises UsageError when not even one portion is there, or fewer than `total` asks for.
    """
    by_general, by_codeseq = general // ratio.general, codeseq // ratio.codeseq
    portions = min(by_general, by_codeseq)
    limited_by = GENERAL if by_general < by_codeseq else CODESEQ
    if total is not None:
        size = ratio.general + ratio.codeseq
        asked = total // size
        if asked == 0:
            raise UsageError(f"--total {total}: the ratio {ratio} needs at least {size} rows")
        if asked > portions:
            raise UsageError(
                f"--total {total}: at the ratio {ratio}, {general:,} usable general rows and {codeseq:,} of ours "
                f"give at most {portions * size:,}"
            )
        if asked < portions:
            portions, limited_by = asked, "total"
    if portions == 0:
        raise UsageError(
            f"--ratio {ratio}: {general:,} usable general rows and {codeseq:,} of ours do not give one portion of it"
        )
    return Shares(portions * ratio.general, portions * ratio.codeseq, limited_by)
