"""What the house talks about: frozen values, no I/O, no Ray.

Integers of sequences may have any size. In JSON they are always strings, so that no reader rounds them
(28 % of OEIS sequences hold a term that does not fit in 64 bits or a double).
"""

from __future__ import annotations

from codeseq_ray.records.judging import (
    Acceptance,
    Analysis,
    Candidate,
    FailingCase,
    Round,
    Verdict,
    VerdictKind,
)
from codeseq_ray.records.outcomes import (
    Call,
    Earlier,
    Outcome,
    Paraphrase,
    Reason,
    Rollout,
    SequenceRecord,
    Solution,
    Stage,
)
from codeseq_ray.records.problems import Case, Cases, Example, Problem, Program
from codeseq_ray.records.sequences import ATTRIBUTION, LICENSE, PlanRow, Screening, Sequence, Split
from codeseq_ray.records.values import Integer, Value

__all__ = [
    "ATTRIBUTION",
    "LICENSE",
    "Acceptance",
    "Analysis",
    "Call",
    "Candidate",
    "Case",
    "Cases",
    "Earlier",
    "Example",
    "FailingCase",
    "Integer",
    "Outcome",
    "Paraphrase",
    "PlanRow",
    "Problem",
    "Program",
    "Reason",
    "Rollout",
    "Round",
    "Screening",
    "Sequence",
    "SequenceRecord",
    "Solution",
    "Split",
    "Stage",
    "Value",
    "Verdict",
    "VerdictKind",
]
