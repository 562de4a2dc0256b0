"""What the judge says of programs, and what rounds make of it."""

from __future__ import annotations

from enum import StrEnum

from codeseq_ray.records.problems import Program
from codeseq_ray.records.values import Value


class VerdictKind(StrEnum):
    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    SECURITY_VIOLATION = "security_violation"
    NONDETERMINISTIC = "nondeterministic"
    """Passed, and did not pass when it was run again (`judging.confirmation`)."""
    INFRASTRUCTURE = "infrastructure"


class Verdict(Value):
    """What the judge says of a program on a list of cases."""

    kind: VerdictKind
    passed: int
    total: int
    failing_case: int | None = None
    """0-based position of the first case that failed; None when all passed."""
    got: str = ""
    """What the program printed on the failing case (capped)."""
    message: str = ""
    """Why it failed, short, fit to show a model."""
    stderr: str = ""
    """The end of what the program wrote to stderr on the failing case (capped)."""
    cpu_ms: float = 0.0
    walls: tuple[str, ...] = ()
    """The walls that stood around the run, for example ("landlock:7", "seccomp", "rlimits")."""

    @property
    def ok(self) -> bool:
        return self.kind is VerdictKind.PASSED


class FailingCase(Value):
    """The one case of a round that analyst and corrector may see."""

    input: str
    expected: str
    got: str
    kind: VerdictKind
    message: str


class Analysis(Value):
    """The guiding agent's reasons (v1 §3: why the case gives the expected output, what is wrong)."""

    why_expected: str
    what_is_wrong: str


class Candidate(Value):
    """A program that was judged beside the one that a round goes on with."""

    program: Program
    verdict: Verdict


class Round(Value):
    """One program and its verdict; `analysis` is what the guiding agent said of the failure, if asked."""

    number: int
    program: Program
    verdict: Verdict
    failing: FailingCase | None = None
    analysis: Analysis | None = None
    fresh: bool = False
    """Written anew from the problem alone, after corrections that failed, instead of corrected."""
    others: tuple[Candidate, ...] = ()
    """The other candidates of this round, where more than one was sampled."""


class Acceptance(Value):
    """Checks beyond the paper: far cases, look-up table, determinism."""

    far_checked: int
    far_total: int
    far_unseen: int = 0
    """Checked far cases that no agent saw: outside the built-in fitter's window."""
    far: Verdict | None = None
    lookup_table: str = ""
    """Empty, or why the program is taken for a table of values."""
    rerun: Verdict | None = None
    """The second run: one process per case, shuffled order, another hash seed."""
    mutants: int = 0
    """Of the accepted program, that were run on the hidden cases (`judging.mutants`); 0: none were."""
    mutants_killed: int = 0
    """Those that the hidden cases found."""
