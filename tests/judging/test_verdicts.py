from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.verdicts import (
    SHOWN,
    SHOWN_ERROR,
    TRIES,
    Manner,
    compared,
    failing_case,
    judge,
    normalised,
)
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


@pytest.mark.parametrize(
    "other", ["1\x0c2", "1\x0b2", "1\x1c2", "1\x852", "1\u20282", "1\r2", "12", "1\n\n2"]
)
def test_only_a_line_feed_ends_a_line(other: str) -> None:
    case = [Case(input="0", output="1\n2")]
    assert compared(report(Run(K.PASSED, "1 \r\n2\t\r\n\n")), case).ok
    assert compared(report(Run(K.PASSED, other)), case).kind is K.WRONG_ANSWER


@pytest.mark.parametrize(
    ("given_", "sent"), [("5", "5\n"), ("5\n", "5\n"), ("1\n2", "1\n2\n"), ("", ""), ("\n", "\n")]
)
async def test_an_input_ends_in_one_line_feed_and_an_empty_one_is_empty(given_: str, sent: str) -> None:
    executor = Scripted(report(Run(K.PASSED, "1")))
    await judge(executor, Program(source="x"), [Case(input=given_, output="1")], Manner())
    assert executor.asked[0].inputs == (sent,)


TRACE = """Traceback (most recent call last):
  File "<program>", line 9, in <module>
    solve()
  File "<program>", line 4, in solve
    return json.loads(text)
           ^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError("Expecting value", s, err.value) from None
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
"""


def test_an_error_is_told_in_a_line_with_its_place_and_no_path_of_this_machine() -> None:
    verdict = compared(report(right(0), Run(K.RUNTIME_ERROR, "x", TRACE)), CASES)
    assert verdict.message == (
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0) "
        "(line 4: return json.loads(text))"
    )
    assert 'File "decoder.py", line 355' in verdict.stderr
    assert 'File "<program>", line 9' in verdict.stderr
    assert "/usr/lib" not in verdict.model_dump_json()
    shown = failing_case(verdict, CASES)
    assert shown.message == verdict.stderr.strip()
    assert "/usr/lib" not in shown.model_dump_json()


def test_long_outputs_and_errors_are_capped_and_the_end_of_an_error_is_kept() -> None:
    run = Run(K.RUNTIME_ERROR, "7" * 10**6, "x" * 10**6 + "\nValueError: " + "y" * 10**5 + "the end")
    verdict = compared(report(run), CASES[:1])
    assert len(verdict.got) == SHOWN
    assert len(verdict.stderr) == SHOWN
    assert verdict.stderr.endswith("the end")
    assert len(verdict.message) <= 3 * SHOWN_ERROR


def test_no_message_repeats_the_expected_answer() -> None:
    case = [Case(input="3", output="314159")]
    for run in (Run(K.PASSED, "7"), Run(K.PASSED, ""), Run(K.RUNTIME_ERROR, "", "boom"), Run(K.TIME_LIMIT)):
        assert "314159" not in compared(report(run), case, entry="f").model_dump_json()
        assert "314159" not in compared(report(run), case).model_dump_json()


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


async def test_an_executor_that_gives_out_is_asked_again_and_its_trouble_is_told() -> None:
    class Flaky(Scripted):
        troubles = 0

        async def execute(self, execution: Execution) -> ExecutionReport:
            if self.troubles:
                self.troubles -= 1
                raise InfrastructureError("the interpreter died")
            return await super().execute(execution)

    executor = Flaky(report(*map(right, range(5))))
    executor.troubles = TRIES - 1
    assert (await judge(executor, Program(source="x"), CASES, Manner())).ok
    executor.troubles = TRIES
    with pytest.raises(InfrastructureError, match="the interpreter died"):
        await judge(executor, Program(source="x"), CASES, Manner())


async def test_a_later_failure_in_a_shared_process_is_believed_only_after_a_run_of_its_own() -> None:
    wrong = Run(K.PASSED, "no\n")
    spoiled = report(right(0), right(1), wrong, right(3), right(4))
    # It fails alone too: that run is the one that counts.
    executor = Scripted(spoiled, report(Run(K.RUNTIME_ERROR, stderr_tail="ValueError: alone")))
    verdict = await judge(executor, Program(source="x"), CASES, Manner())
    assert (verdict.kind, verdict.failing_case, verdict.passed, verdict.total) == (K.RUNTIME_ERROR, 2, 4, 5)
    assert executor.asked[1].inputs == ("2\n",)
    # Alone it passes: then all are run apart.
    apart = report(*(right(n) for n in range(5)))
    executor = Scripted(spoiled, report(right(2)), apart)
    verdict = await judge(executor, Program(source="x"), CASES, Manner())
    assert verdict.ok
    assert [asked.one_process_per_input for asked in executor.asked] == [False, False, True]


@pytest.mark.parametrize("kind", [K.TIME_LIMIT, K.WRONG_ANSWER])
async def test_what_needs_no_second_look_gets_none(kind: VerdictKind) -> None:
    runs = (right(0), Run(kind)) if kind is K.TIME_LIMIT else (Run(K.PASSED, "no"), right(1))
    executor = Scripted(report(*runs))
    verdict = await judge(executor, Program(source="x"), CASES[:2], Manner())
    assert verdict.kind is kind
    assert len(executor.asked) == 1


def test_an_exception_of_many_lines_keeps_its_name() -> None:
    trace = 'Traceback (most recent call last):\n  File "<program>", line 3, in <module>\n    raise E\n'
    trace += "ValueError: a\nb\nc\n"
    verdict = compared(report(Run(K.RUNTIME_ERROR, stderr_tail=trace)), CASES[:1])
    assert verdict.message == "ValueError: a (line 3: raise E)"


def test_a_function_that_ends_the_process_has_not_returned() -> None:
    verdict = compared(report(Run(K.PASSED, "")), [Case(input="1", output="")], entry="solve")
    assert (verdict.kind, verdict.message) == (K.RUNTIME_ERROR, "solve did not return")
