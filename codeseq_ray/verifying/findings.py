"""What a check may find, by code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    FILE_MISSING = "file_missing"
    FILE_UNEXPECTED = "file_unexpected"
    FILE_UNREADABLE = "file_unreadable"
    CHECKSUM = "checksum"
    ROW_COUNT = "row_count"
    ROW_MISSING = "row_missing"
    ROW_UNEXPECTED = "row_unexpected"
    ROW_DUPLICATE = "row_duplicate"
    ROW_ORDER = "row_order"
    ROW_DIFFERS = "row_differs"
    """Two configs say different things of one sequence."""
    ROW_ODD = "row_odd"
    """A value that no run writes."""
    LICENCE = "licence"
    PROBLEM_ID = "problem_id"
    SFT_TEXT = "sft_text"
    SPLIT = "split"
    FAMILY_IN_TWO_SPLITS = "family_in_two_splits"
    COUNT = "count"
    CARD = "card"
    EXAMPLE_FAILS = "example_fails"
    CASE_FAILS = "case_fails"
    FAR_CASE_FAILS = "far_case_fails"
    LOOKUP_TABLE = "lookup_table"
    NOT_DETERMINISTIC = "not_deterministic"
    REJECTED_PASSES = "rejected_passes"
    REJECTED_DIFFERS = "rejected_differs"
    UNJUDGED = "unjudged"
    """No fault of the release: the sandbox gave no judgement (machine overloaded, worker killed)."""


@dataclass(frozen=True)
class Finding:
    """One difference between what a release says and what is so. `where`: a file, or config and A-number."""

    code: Code
    where: str
    said: str

    def __str__(self) -> str:
        return f"{self.code.value}: {self.where}: {self.said}"
