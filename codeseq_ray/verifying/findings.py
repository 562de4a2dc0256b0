"""What a check may find, by code; and who keeps it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

SHOWN = 20


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
    ROW_ALTERED = "row_altered"
    """A row is not the one that `rows_digest` was taken of."""
    ROW_ODD = "row_odd"
    """A value that no run writes."""
    LICENCE = "licence"
    PROBLEM_ID = "problem_id"
    SFT_PROBLEM = "sft_problem"
    SFT_PROGRAM = "sft_program"
    SPLIT = "split"
    FAMILY_IN_TWO_SPLITS = "family_in_two_splits"
    COUNT = "count"
    CARD = "card"
    FINGERPRINT = "fingerprint"
    """The settings in the manifest are not those that the run stood for."""
    EXAMPLE_FAILS = "example_fails"
    CASE_FAILS = "case_fails"
    FAR_CASE_FAILS = "far_case_fails"
    LOOKUP_TABLE = "lookup_table"
    MUTANTS = "mutants"
    """The hidden cases find other mutants of the program than the release says."""
    NOT_DETERMINISTIC = "not_deterministic"
    REJECTED_PASSES = "rejected_passes"
    """On the case that it was rejected for, or by the check that it was rejected by."""
    REJECTED_DIFFERS = "rejected_differs"
    """It fails, and in another way than the release says; or on a case that the release says it passed."""
    UNJUDGED = "unjudged"
    """No fault of the release: the sandbox gave no judgement (machine overloaded, worker killed)."""
    NOTE = "note"
    """Something is otherwise and is no fault of the release (docs/verify.md: what need not repeat)."""


@dataclass(frozen=True)
class Finding:
    """One difference between what a release says and what is so. `where`: a file, or config and A-number."""

    code: Code
    where: str
    said: str

    def __str__(self) -> str:
        return f"{self.code.value}: {self.where}: {self.said}"


class Findings:
    """Takes findings as they come, counts all, keeps the first few of each kind, and hands every one on."""

    def __init__(self, hand_on: Callable[[Finding], None] = lambda finding: None) -> None:
        self._hand_on = hand_on
        self.counts: Counter[Code] = Counter()
        self.differences: list[Finding] = []
        self.unjudged: list[Finding] = []
        self.notes: list[Finding] = []

    def add(self, finding: Finding) -> None:
        self.counts[finding.code] += 1
        kept = {Code.UNJUDGED: self.unjudged, Code.NOTE: self.notes}.get(finding.code, self.differences)
        if len(kept) < SHOWN:
            kept.append(finding)
        self._hand_on(finding)

    @property
    def different(self) -> int:
        """How many differences there are."""
        return self.counts.total() - self.counts[Code.UNJUDGED] - self.counts[Code.NOTE]

    @property
    def sound(self) -> bool:
        """Nothing is different, and all that was run was judged."""
        return self.counts.total() == self.counts[Code.NOTE]


Found = Callable[[Finding], None]
"""Where a check hands its findings to."""
