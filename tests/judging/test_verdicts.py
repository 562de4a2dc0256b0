from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.verdicts import TRIES, Manner, compared, failing_case, judge, normalised
from codeseq_ray.ports import Execution, ExecutionReport, Run
from codeseq_ray.records import Case, Program, VerdictKind

K = VerdictKind
CASES = [Case(input=str(n), output=str(n * n)) for n in range(5)]


def report(*runs: Run) -> ExecutionReport:
    return ExecutionReport(runs=runs, walls=("rlimits",))


def right(n: int) -> Run:
    return Run(K.PASSED, f"{n * n}\n")


class Scripted:
    """An executor that gives these reports, one after the other, and remembers what it was asked."""

    def __init__(self, *reports: ExecutionReport) -> None:
        self.reports, self.asked = list(reports), list[Execution]()

    async def execute(self, execution: Execution) -> ExecutionReport:
        self.asked.append(execution)
        return self.reports.pop(0)


@given(st.integers(), st.text(" \t\r\n", max_size=5))
def test_trailing_white_space_does_not_count_and_nothing_else_is_forgiven(value: int, space: str) -> None:
    case = [Case(input="0", output=str(value))]
    assert compared(report(Run(K.PASSED, f"{value}{space}")), case).ok
    for other in (
        f" {value}",
        f"{value}.0",
        f"{value}\n{value}",
        f"+{value}",
        f"0{value}",
        "",
        f"n: {value}",
    ):
        if normalised(other) != str(value):
            assert compared(report(Run(K.PASSED, other)), case).kind is K.WRONG_ANSWER


@given(st.sets(st.integers(0, 4)))
def test_the_first_failing_case_decides_and_all_passes_are_counted(wrong: set[int]) -> None:
    runs = [Run(K.PASSED, "no") if n in wrong else right(n) for n in range(5)]
    verdict = compared(report(*runs), CASES)
    assert verdict.ok == (not wrong)
    assert verdict.passed == 5 - len(wrong)
    assert verdict.failing_case == (min(wrong) if wrong else None)
    if wrong:
        shown = failing_case(verdict, CASES)
        assert (shown.input, shown.expected, shown.got) == (str(min(wrong)), str(min(wrong) ** 2), "no")


@pytest.mark.parametrize("kind", [k for k in K if k not in {K.PASSED, K.WRONG_ANSWER, K.INFRASTRUCTURE}])
def test_a_run_that_did_not_end_well_is_never_a_pass_even_with_the_right_output(kind: VerdictKind) -> None:
    verdict = compared(report(right(0), Run(kind, "1", "boom")), CASES)
    assert (verdict.kind, verdict.failing_case) == (kind, 1)


def test_missing_runs_are_not_passes() -> None:
    verdict = compared(report(right(0), right(1)), CASES)
    assert (verdict.kind, verdict.failing_case, verdict.passed) == (K.RUNTIME_ERROR, 2, 2)
    assert not compared(report(), CASES).ok


async def test_no_expected_output_goes_into_the_sandbox() -> None:
    cases = [Case(input="3", output="987654321")]
    executor = Scripted(report(Run(K.PASSED, "987654321")))
    assert (await judge(executor, Program(source="x"), cases, Manner())).ok
    assert "987654321" not in repr(executor.asked)


async def test_infrastructure_is_tried_again_and_is_never_a_verdict() -> None:
    trouble = report(right(0), Run(K.INFRASTRUCTURE))
    executor = Scripted(trouble, trouble, report(*map(right, range(5))))
    assert (await judge(executor, Program(source="x"), CASES, Manner())).ok
    executor = Scripted(*[trouble] * TRIES)
    with pytest.raises(InfrastructureError):
        await judge(executor, Program(source="x"), CASES, Manner())
    assert not executor.reports
