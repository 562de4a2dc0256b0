"""What goes in: entries, and what plan and filter say of them."""

from __future__ import annotations

from enum import StrEnum

from codeseq_ray.records.values import Integer, Value


class Sequence(Value):
    """An OEIS entry as far as the source knows it. `None` means *unknown*, never *none*."""

    id: str
    """A-number, `A` and at least six digits."""
    name: str
    terms: tuple[Integer, ...]
    """The terms that the entry lists, in order; `terms[0]` is a(offset)."""
    offset: int | None = None
    """Index of the first term; None if the source does not say (positions are then counted from 1)."""
    keywords: tuple[str, ...] | None = None
    comments: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    more_terms: tuple[Integer, ...] = ()
    """Known terms that follow `terms` (from a b-file or a longer terms file); only ever used as far cases."""

    @property
    def number(self) -> int:
        """The A-number as an integer: the sort key of everything stored."""
        return int(self.id[1:])

    @property
    def first_index(self) -> int:
        """Index of `terms[0]`: the offset, or 1 where the offset is unknown."""
        return 1 if self.offset is None else self.offset

    @property
    def url(self) -> str:
        return f"https://oeis.org/{self.id}"


LICENSE = "CC-BY-SA-4.0"
ATTRIBUTION = "The OEIS Foundation Inc. and contributors, https://oeis.org"


class Split(StrEnum):
    """What a family's problems are for; decided before anything else is made of them."""

    SFT = "sft"
    RL = "rl"
    EVAL = "eval"


class PlanRow(Value):
    """What the plan says of one input sequence. Every input id has exactly one."""

    sequence_id: str
    family: str
    split: Split
    selected: bool
    reason: str
    """Empty when selected, else the rule's reason code."""


class Screening(Value):
    """The working agent's view of an entry (v1 §2: a plan, an answer, one reflection on it)."""

    plan: str
    """What makes an entry dense in information."""
    kept_at_first: bool
    first_reason: str
    reflection: str
    keep: bool
    reason: str
