"""What a user may say of the store that runs lie in, and of outcomes that are there. None of it changes a row."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

from codeseq_ray.records import Outcome, Reason


def selected(selector: str) -> tuple[Outcome, str]:
    """`failed`, `rejected` or `rejected:REASON` as outcome and reason (empty: any). Raises ValueError for others."""
    outcome, colon, reason = selector.partition(":")
    if outcome == Outcome.FAILED and not colon:
        return Outcome.FAILED, ""
    if outcome == Outcome.REJECTED and (not colon or reason in set(Reason)):
        return Outcome.REJECTED, reason
    reasons = ", ".join(sorted(Reason))
    raise ValueError(f"{selector!r}: expected failed, rejected, or rejected:REASON with one of {reasons}")


def _selector(text: str) -> str:
    selected(text)
    return text


def _split(value: Any) -> Any:
    return [text.strip() for text in value.split(",")] if isinstance(value, str) else value


Selectors = Annotated[
    tuple[Annotated[str, AfterValidator(_selector)], ...] | None,
    BeforeValidator(_split),
    # One text in the environment, as on the command line; otherwise it would have to be JSON there.
    NoDecode,
]


class StoreSettings(BaseModel):
    """How long to wait for a store, and what to do with one that lacks something."""

    store_patience_minutes: float = Field(
        10.0,
        ge=0,
        le=30,  # what is older than an hour, jobs/gc.py may take for abandoned
        description="Minutes to wait for a store that does not answer, or is too busy, before the run ends (and can "
        "go on later).",
    )
    single_writer: bool = Field(
        False,
        description="Use a store that lacks conditional writes (If-None-Match). You promise that only one driver "
        "at a time works below this output: the store cannot tell two apart.",
    )
