"""A pass is confirmed by a run where everything differs that must not matter: in the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from codeseq_ray.judging.confirmation import HASH_SEED, ROOM_CPU, ROOM_MEMORY, confirmed, second_run
from codeseq_ray.judging.verdicts import Manner, judge
from codeseq_ray.ports import Execution, ExecutionReport, Limits, Run
from codeseq_ray.records import Case, Program, VerdictKind
from codeseq_ray.sandbox import SandboxExecutor, walls

K = VerdictKind
SQUARES = [Case(input=str(n), output=str(n * n)) for n in range(6)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxExecutor]:
    if lacking := walls.missing():
        pytest.skip(f"this machine lacks {'; '.join(lacking)}")
    with SandboxExecutor() as it:
        yield it


async def test_an_honest_program_passes_both_runs_and_pays_for_both(sandbox: SandboxExecutor) -> None:
    program = Program(source="n = int(input())\nprint(n * n)")
    once = await judge(sandbox, program, SQUARES, Manner())
    both = await confirmed(sandbox, program, SQUARES, Manner())
    assert (both.kind, both.passed, both.total, both.failing_case) == (K.PASSED, 6, 6, None)
    assert both.cpu_ms > once.cpu_ms / 2
    assert both.walls == once.walls


LEANS = {
    "on what an earlier case left behind": (
        "import builtins\n"
        "n = int(input())\n"
        "builtins.seen = getattr(builtins, 'seen', 0) + 1\n"
        "print(n * n if builtins.seen == n + 1 else -1)",
        # Alone, each case is the first: only 0 is answered. Whichever comes first of the others is told.
        {1, 2, 3, 4, 5},
    ),
    "on the hash seed": (
        "n = int(input())\nprint(n * n if n != 4 or hash('codeseq') == SEEN else 17)",
        {4},
    ),
    "on the seed of random": (
        "import random\nn = int(input())\nprint(n * n if n != 2 or random.random() == DRAWN else 5)",
        {2},
    ),
}


@pytest.mark.parametrize("leans", LEANS)
async def test_a_program_that_leans_on_what_must_not_matter_is_nondeterministic(
    sandbox: SandboxExecutor, leans: str
) -> None:
    source, guilty = LEANS[leans]
    for name, expression in (("SEEN", "hash('codeseq')"), ("DRAWN", "__import__('random').random()")):
        shown = sandbox.run(Execution(f"print({expression})", ("0\n",)))
        source = source.replace(name, shown.runs[0].stdout.strip())
    program = Program(source=source)
    assert (await judge(sandbox, program, SQUARES, Manner())).ok
    verdict = await confirmed(sandbox, program, SQUARES, Manner())
    assert verdict.kind is K.NONDETERMINISTIC
    assert verdict.failing_case in guilty
    assert verdict.got in {"-1", "17", "5"}


async def test_the_message_says_what_differed_and_not_what_was_expected(sandbox: SandboxExecutor) -> None:
    secret = [Case(input="1", output="271828182845")]
    source = "import builtins, sys\nprint(271828182845 if hash('x') == HERE else 'heads')"
    here = sandbox.run(Execution("print(hash('x'))", ("",))).runs[0].stdout.strip()
    verdict = await confirmed(sandbox, Program(source=source.replace("HERE", here)), secret, Manner())
    assert verdict.kind is K.NONDETERMINISTIC
    assert verdict.got == "heads"
    assert "wrong_answer" in verdict.message
    assert "271828182845" not in verdict.model_dump_json()


async def test_what_fails_at_first_is_not_run_again(sandbox: SandboxExecutor) -> None:
    asked = Counting(sandbox)
    verdict = await confirmed(asked, Program(source="print(int(input()))"), SQUARES, Manner())
    assert (verdict.kind, verdict.failing_case) == (K.WRONG_ANSWER, 2)
    assert {asked_for.hash_seed for asked_for in asked.executions} == {0}


class Counting:
    def __init__(self, sandbox: SandboxExecutor) -> None:
        self._sandbox, self.executions = sandbox, list[Execution]()

    async def execute(self, execution: Execution) -> ExecutionReport:
        self.executions.append(execution)
        return self._sandbox.run(execution)


class Scripted:
    """Gives these kinds, an execution each, to all of its inputs but `spared`; then passes."""

    def __init__(self, *kinds: VerdictKind, spared: str = "") -> None:
        self.kinds, self.spared, self.executions = list(kinds), spared, list[Execution]()

    async def execute(self, execution: Execution) -> ExecutionReport:
        self.executions.append(execution)
        kind = self.kinds.pop(0) if self.kinds else K.PASSED
        runs = [
            Run(K.PASSED if i.strip() == self.spared else kind, f"{int(i) ** 2}") for i in execution.inputs
        ]
        return ExecutionReport(tuple(runs), ("rlimits",))


async def test_the_second_run_has_a_process_per_case_another_order_and_another_hash_seed() -> None:
    executor = Scripted()
    manner = Manner(limits=Limits(cpu_seconds=3), entry="f")
    assert (await confirmed(executor, Program(source="x"), SQUARES, manner)).ok
    first, second = executor.executions
    assert (first.one_process_per_input, second.one_process_per_input) == (False, True)
    assert second.hash_seed == HASH_SEED != first.hash_seed
    assert sorted(first.inputs) == sorted(second.inputs)
    assert first.inputs != second.inputs
    assert first.entry == second.entry == "f"
    assert second.limits == first.limits


@pytest.mark.parametrize("count", range(2, 12))
async def test_two_cases_or_more_never_keep_their_order(count: int) -> None:
    executor = Scripted()
    cases = [Case(input=str(n), output=str(n * n)) for n in range(count)]
    await second_run(executor, Program(source="x"), cases, Manner())
    assert executor.executions[0].inputs != tuple(f"{case.input}\n" for case in cases)


@pytest.mark.parametrize("kind", [K.TIME_LIMIT, K.MEMORY_LIMIT])
async def test_close_to_a_limit_is_tried_with_room_to_spare(kind: VerdictKind) -> None:
    executor = Scripted(K.PASSED, kind)
    limits = Limits(cpu_seconds=2, memory_mb=100, program_cpu_seconds=3)
    assert (await confirmed(executor, Program(source="x"), SQUARES, Manner(limits=limits))).ok
    roomy = replace(
        limits,
        cpu_seconds=ROOM_CPU * 2,
        memory_mb=int(ROOM_MEMORY * 100),
        program_cpu_seconds=None,
    )
    assert [e.limits for e in executor.executions] == [limits, limits, roomy]


async def test_a_second_run_that_still_ends_at_a_limit_names_the_case_in_the_original_order() -> None:
    executor = Scripted(K.PASSED, K.TIME_LIMIT, K.TIME_LIMIT, spared="3")
    verdict = await confirmed(executor, Program(source="x"), SQUARES, Manner())
    first_in_second_order = executor.executions[-1].inputs[0].strip()
    assert verdict.kind is K.NONDETERMINISTIC
    assert str(verdict.failing_case) == first_in_second_order
    assert "time_limit" in verdict.message
