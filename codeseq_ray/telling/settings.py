"""What is to be shown of a run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_settings import CliPositionalArg

from codeseq_ray.records import Outcome, Reason, VerdictKind

FEW = 5
"""Records of a sample that does not say how many."""
_ID = re.compile(r"[Aa]?0*([0-9]{1,18})")


def a_number(text: str) -> int:
    """`A000045`, `a45` or `45` as 45. Raises ValueError for others."""
    match = _ID.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no A-number: write A000045, a45 or 45")
    return int(match[1])


@dataclass(frozen=True)
class Sample:
    """How many records of which outcome; `reason` empty: whatever the reason."""

    outcome: Outcome
    reason: str
    count: int


def sample_of(text: str) -> Sample:
    """`rejected:5`, `rejected:REASON:5` or `accepted`, in its parts. Raises ValueError for others."""
    outcome, *rest = text.split(":")
    count = rest.pop() if rest and rest[-1].isdecimal() else str(FEW)
    reason = rest.pop() if rest else ""
    known = {*map(str, Reason), *map(str, VerdictKind)}
    if outcome not in set(Outcome) or rest or not 1 <= int(count) <= 100_000:
        raise ValueError(
            f"{text!r}: expected accepted, rejected or failed, a reason if you like, and how many: rejected:5, "
            "rejected:not_validated:5"
        )
    if reason and reason not in known:
        raise ValueError(f"{text!r}: there is no reason {reason!r}; --reasons lists those of this run")
    return Sample(Outcome(outcome), reason, int(count))


def _is_id(text: str) -> str:
    a_number(text)
    return text


def _is_sample(text: str) -> str:
    sample_of(text)
    return text


class ShowingSettings(BaseModel):
    """Which run, and what of it. One of A-numbers, `reasons` and `sample`."""

    ids: CliPositionalArg[list[Annotated[str, AfterValidator(_is_id)]]] = Field(
        [], description="A-numbers of sequences to show whole: A000045, a45 or 45."
    )
    run: str = Field(
        min_length=1,
        description="The run: <output>/<run-id>, a folder or s3://bucket/prefix; it may be going on.",
    )
    reasons: bool = Field(
        False, description="Show what became of all sequences: outcome, stage, reason, and what each took."
    )
    sample: Annotated[str, AfterValidator(_is_sample)] | None = Field(
        None,
        description="Show records drawn by the seed: rejected:5, rejected:REASON:5, accepted:5, failed:3.",
    )
    attempts: bool = Field(
        False, description="Show all attempts at a sequence, not only the one that counts (with A-numbers)."
    )
    full: bool = Field(False, description="Cut nothing, and show every answer of the models.")
    json_lines: bool = Field(False, description="Print JSON, a record a line: for jq.")
    records: int = Field(
        20_000,
        ge=1,
        description="Most records that --reasons reads for seconds, drawn by the seed; counts and tokens are of all.",
    )
    seed: int = Field(0, description="Seed of what is drawn.")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if bool(self.ids) + self.reasons + (self.sample is not None) != 1:
            raise ValueError("say what to show: A-numbers (A000045 …), or --reasons, or --sample rejected:5")
        return self
