"""What running a row's program again finds, in the real sandbox: which verdicts must repeat, and which need not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.mutants import strength
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Execution, ExecutionReport, Limits
from codeseq_ray.records import Case, Program
from codeseq_ray.sandbox import walls
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.verifying.findings import Code
from codeseq_ray.verifying.programs import Rerun, can_run, rerun

pytestmark = pytest.mark.skipif(
    bool(walls.missing()), reason=f"this machine lacks {'; '.join(walls.missing())}"
)

MANNER = Manner(limits=Limits(cpu_seconds=0.5, memory_mb=128))
SQUARE = "n = int(input())\nprint(n * n)\n"


def cases(first: int, count: int) -> list[dict[str, str]]:
    return [{"input": str(n), "output": str(n * n)} for n in range(first, first + count)]


def problem(program: str = SQUARE, **more: Any) -> dict[str, Any]:
    examples = [{**case, "explanation": ""} for case in cases(1, 2)]
    fields = {"examples": examples, "cases": cases(3, 8), "far_cases": cases(11, 20), "far_checked": 20}
    return {"sequence_id": "A000290", "program": program, **fields, **more}


def rejected(program: str, verdict: str, got: str = "", **more: Any) -> dict[str, Any]:
    failing = {"failing_input": "5", "failing_expected": "25", "failing_got": got}
    fields = {"stage": "reflection", "reason": "rounds_used_up", "verdict": verdict, **failing}
    return problem(program, **{"far_checked": 0, **fields, **more})


@pytest.fixture(scope="module")
def executor() -> Iterator[SandboxExecutor]:
    with SandboxExecutor() as one:
        yield one


async def codes(executor: SandboxExecutor, config: str, row: dict[str, Any]) -> set[Code]:
    assert can_run(config, row)
    again = await rerun(executor, config, row, MANNER)
    assert "seccomp" in again.walls
    return {finding.code for finding in again.findings}


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (SQUARE, set()),
        ("n = int(input())\nprint(n * n + (n > 30))\n", set()),  # nobody asked for that many
        ("n = int(input())\nprint(n * n + (n == 2))\n", {Code.EXAMPLE_FAILS}),
        ("n = int(input())\nprint(n * n + (n == 7))\n", {Code.CASE_FAILS}),
        ("n = int(input())\nprint(n * n + (n == 25))\n", {Code.FAR_CASE_FAILS}),
        ("n = int(input())\nprint(n * n if hash('a') == %HASH% else 0)\n", {Code.NOT_DETERMINISTIC}),
        ("known = [%TABLE%]\nprint(known[int(input())])\n", {Code.LOOKUP_TABLE}),
        ("import socket\nsocket.socket()\n", {Code.EXAMPLE_FAILS, Code.CASE_FAILS, Code.FAR_CASE_FAILS}),
    ],
)
async def test_an_accepted_program_is_held_to_all_that_it_was_accepted_for(
    program: str, found: set[Code], executor: SandboxExecutor
) -> None:
    if "%HASH%" in program:
        told = executor.run(Execution("print(hash('a'))", ("",))).runs[0].stdout.strip()
        program = program.replace("%HASH%", told)
    row = problem(program.replace("%TABLE%", ", ".join(str(n * n) for n in range(31))))
    assert await codes(executor, "problems", row) == found


async def test_a_program_that_is_slower_here_is_noted_and_one_that_never_ends_is_not_as_said(
    executor: SandboxExecutor,
) -> None:
    burn = "import time\nn = int(input())\nwhile n == 4 and time.process_time() < {}: pass\nprint(n * n)\n"
    assert await codes(executor, "problems", problem(burn.format(0.7))) == {Code.NOTE}
    assert await codes(executor, "problems", problem(burn.format(60))) == {Code.CASE_FAILS}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (rejected("print(7)", "wrong_answer", "7"), set()),
        (rejected("print(8)", "wrong_answer", "7"), {Code.REJECTED_DIFFERS}),
        (rejected(SQUARE, "wrong_answer", "7"), {Code.REJECTED_PASSES}),
        (rejected("print(1 / 0)", "wrong_answer", "7"), {Code.REJECTED_DIFFERS}),
        (rejected("print(1 / 0)", "runtime_error"), set()),
        (rejected("print(8)", "runtime_error"), {Code.REJECTED_DIFFERS}),
        (rejected("import time\nprint(time.time_ns())", "wrong_answer", "7"), {Code.NOTE}),
        (rejected("while True: pass", "time_limit"), set()),
        (rejected(SQUARE, "time_limit"), {Code.NOTE}),
        (rejected("print(8)", "memory_limit"), {Code.NOTE}),
        (rejected("x = bytearray(1 << 30)", "memory_limit"), set()),
    ],
    ids=lambda one: one["program"][:20] + " " + one["verdict"] if isinstance(one, dict) else None,
)
async def test_a_rejected_program_still_fails_as_it_did_where_that_repeats(
    row: dict[str, Any], found: set[Code], executor: SandboxExecutor
) -> None:
    assert await codes(executor, "rejected", row) == found


async def test_what_was_rejected_after_its_hidden_cases_passes_them(executor: SandboxExecutor) -> None:
    far = {"stage": "acceptance", "reason": "far_case_failed", "far_checked": 20}
    at = {"failing_input": "30", "failing_expected": "900"}
    late = "n = int(input())\nprint(n * n + (n == 30))\n"
    assert await codes(executor, "rejected", rejected(late, "wrong_answer", "901", **far, **at)) == set()
    early = "n = int(input())\nprint(n * n + (n in (4, 30)))\n"
    found = await codes(executor, "rejected", rejected(early, "wrong_answer", "901", **far, **at))
    assert found == {Code.REJECTED_DIFFERS}
    assert await codes(executor, "rejected", rejected(SQUARE, "wrong_answer", "901", **far, **at)) == {
        Code.REJECTED_PASSES
    }


async def test_a_table_is_still_one(executor: SandboxExecutor) -> None:
    none = {"failing_input": None, "failing_expected": None, "failing_got": None}
    more = {"stage": "acceptance", "reason": "lookup_table", "far_checked": 20, **none}
    table = f"print({[n * n for n in range(31)]}[int(input())])"
    assert await codes(executor, "rejected", rejected(table, "passed", **more)) == set()
    assert await codes(executor, "rejected", rejected(SQUARE, "passed", **more)) == {Code.REJECTED_PASSES}


async def test_no_judgement_is_no_difference() -> None:
    class Gone:
        async def execute(self, execution: Execution) -> ExecutionReport:
            raise InfrastructureError("the worker was killed")

    again: Rerun = await rerun(Gone(), "problems", problem(), MANNER)
    assert [finding.code for finding in again.findings] == [Code.UNJUDGED]
    assert again.walls == ()


def test_a_rejection_without_a_program_holds_nothing_to_run() -> None:
    nothing = {"program": None, "failing_input": None, "cases": None}
    assert not can_run("rejected", nothing)
    assert not can_run("rejected", {**nothing, "program": SQUARE})
    assert not can_run("rejected", {**nothing, "cases": cases(1, 2)})


@pytest.mark.parametrize(
    ("mutants", "killed", "found"), [(0, 0, set()), (1, 0, {Code.MUTANTS}), (0, -1, {Code.MUTANTS})]
)
async def test_mutants_are_made_and_killed_as_the_row_says(
    mutants: int, killed: int, found: set[Code], executor: SandboxExecutor
) -> None:
    """As the run did it; then with another number made, and another number killed."""
    hidden = [Case(**case) for case in cases(3, 8)]
    passed = await judge(executor, Program(source=SQUARE), hidden, MANNER)
    so = await strength(executor, Program(source=SQUARE), hidden, MANNER, 5, passed)
    assert so.mutants > so.killed - 1 >= 0
    row = problem(walls=["seccomp"], mutants=so.mutants + mutants, mutants_killed=so.killed + killed)
    again = await rerun(executor, "problems", row, MANNER, mutants=5)
    assert {finding.code for finding in again.findings} == found


@pytest.mark.parametrize(("off", "found"), [(0, set()), (-1, {Code.NOTE}), (1, {Code.MUTANTS})])
async def test_only_a_mutant_that_a_limit_decides_over_may_be_counted_otherwise(
    off: int, found: set[Code], executor: SandboxExecutor
) -> None:
    """On a faster machine one that ends at the limit here may survive; none more can be killed than here are."""
    looped = "n = int(input())\nk = s = 0\nwhile k < n:\n    k += 1\n    s += n\nprint(s)\n"
    hidden = [Case(**case) for case in cases(3, 8)]
    passed = await judge(executor, Program(source=looped), hidden, MANNER)
    so = await strength(executor, Program(source=looped), hidden, MANNER, 12, passed)
    assert so.fewest < so.killed == so.most
    row = problem(looped, walls=["seccomp"], mutants=so.mutants, mutants_killed=so.killed + off)
    again = await rerun(executor, "problems", row, MANNER, mutants=12)
    assert {finding.code for finding in again.findings} == found
    row["mutants_killed"] = so.fewest - 1
    again = await rerun(executor, "problems", row, MANNER, mutants=12)
    assert {finding.code for finding in again.findings} == {Code.MUTANTS}
