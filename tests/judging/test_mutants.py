"""Mutants: small, different, always the same ones; killed by cases that notice, survivors of cases that do not."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.judging.acceptance import accept
from codeseq_ray.judging.mutants import LEAST_SECONDS, mutants, strength
from codeseq_ray.judging.verdicts import Manner
from codeseq_ray.ports import Execution, ExecutionReport, Run
from codeseq_ray.records import Case, Cases, Program, Verdict, VerdictKind
from codeseq_ray.sandbox import walls
from codeseq_ray.sandbox.executor import SandboxExecutor

SQUARES = "n = int(input())\nt = 0\nfor i in range(n):\n    t += 2 * i + 1\nprint(t)\n"
PROGRAMS = (
    SQUARES,
    "n = int(input())\nprint(n * n if n > 3 else -n)\n",
    "def f(n):\n    if n < 2 and not n == 0:\n        return 1\n    return n - 1\n\nprint(f(int(input())))\n",
    "a, b = 0, 1\nfor _ in range(int(input())):\n    a, b = b, a + b\n    if a > 10 ** 6:\n        break\nprint(a)\n",
    "n = int(input())\nwhile True:\n    n -= 1\n    if n % 7 != 3:\n        continue\n    print(n // 2)\n    break\n",
)
needs_walls = pytest.mark.skipif(
    bool(walls.missing()), reason=f"this machine lacks {'; '.join(walls.missing())}"
)


def cases(inputs: range) -> tuple[Case, ...]:
    return tuple(Case(input=str(n), output=str(n * n)) for n in inputs)


PASSED = Verdict(kind=VerdictKind.PASSED, passed=5, total=5, cpu_ms=3.0, walls=("seccomp",))


@pytest.mark.parametrize("source", PROGRAMS)
def test_each_mutant_is_one_change_of_the_program_and_none_is_the_program(source: str) -> None:
    own = ast.unparse(ast.parse(source)).splitlines()
    made = mutants(source, 1000)
    assert len(made) == len(set(made)) >= 5
    for mutant in made:
        compile(mutant, "m", "exec")
        changed = [line for line in difflib.ndiff(own, mutant.splitlines()) if line[0] in "+-"]
        assert 1 <= len(changed) <= 2, "\n".join(changed)


@pytest.mark.parametrize("source", PROGRAMS)
def test_fewer_mutants_are_the_first_of_more(source: str) -> None:
    assert mutants(source, 4) == mutants(source, 1000)[:4]
    assert mutants(source, 0) == ()


@pytest.mark.parametrize("source", PROGRAMS)
def test_no_mutant_lacks_its_input_or_output(source: str) -> None:
    assert all(mutant.count("print(") == source.count("print(") for mutant in mutants(source, 1000))
    assert all("int(input())" in mutant for mutant in mutants(source, 1000))


@pytest.mark.parametrize(
    "source", ["", "print(", "def f(:", "\x00", "(" * 500 + ")" * 500, "print(1)\n" * 5000]
)
def test_what_cannot_be_read_or_changed_has_none(source: str) -> None:
    assert mutants(source, 10) == ()


@given(st.text(max_size=200))
def test_no_text_breaks_it(source: str) -> None:
    mutants(source, 5)


@dataclass
class Prints:
    """A sandbox in which every program prints the square of its input unless it is one of `wrong`."""

    wrong: frozenset[str] = frozenset()
    broken: bool = False
    ran: list[Execution] = field(default_factory=list)

    async def execute(self, execution: Execution) -> ExecutionReport:
        self.ran.append(execution)
        if self.broken and execution.source != SQUARES:
            raise InfrastructureError("killed")
        add = int(execution.source in self.wrong)
        runs = tuple(Run(VerdictKind.PASSED, f"{int(i) ** 2 + add}\n", "", 1.0) for i in execution.inputs)
        return ExecutionReport(runs, ("seccomp",))


async def test_killed_are_those_that_do_not_pass_all_cases() -> None:
    made = mutants(SQUARES, 6)
    sandbox = Prints(wrong=frozenset(made[:4]))
    found = await strength(sandbox, Program(source=SQUARES), cases(range(3, 8)), Manner(), 6, PASSED)
    assert (found.mutants, found.killed, found.fewest, found.most) == (6, 4, 4, 4)
    assert SQUARES not in [execution.source for execution in sandbox.ran]


@pytest.mark.parametrize(
    ("kind", "cpu_ms", "fewest", "most"),
    [
        (VerdictKind.TIME_LIMIT, 50.0, 0, 6),
        (VerdictKind.MEMORY_LIMIT, 9.0, 0, 6),
        (VerdictKind.OUTPUT_LIMIT, 9.0, 6, 6),
        (VerdictKind.RUNTIME_ERROR, 9.0, 6, 6),
        (VerdictKind.PASSED, 1.0, 0, 0),
        (VerdictKind.PASSED, 9.0, 0, 6),
    ],
)
async def test_what_a_limit_decided_here_it_may_decide_otherwise_elsewhere(
    kind: VerdictKind, cpu_ms: float, fewest: int, most: int
) -> None:
    class Ends:
        async def execute(self, execution: Execution) -> ExecutionReport:
            runs = tuple(Run(kind, f"{int(i) ** 2}\n", "", cpu_ms) for i in execution.inputs)
            return ExecutionReport(runs, ("seccomp",))

    found = await strength(Ends(), Program(source=SQUARES), cases(range(3, 8)), Manner(), 6, PASSED)
    assert (found.killed, found.fewest, found.most) == (0 if kind is VerdictKind.PASSED else 6, fewest, most)


async def test_a_mutant_has_little_time_and_never_more_than_the_program() -> None:
    sandbox = Prints()
    await strength(sandbox, Program(source=SQUARES), cases(range(3, 8)), Manner(), 2, PASSED)
    assert {execution.limits.cpu_seconds for execution in sandbox.ran} == {LEAST_SECONDS}
    slow = PASSED.model_copy(update={"cpu_ms": 900.0})
    sandbox = Prints()
    await strength(sandbox, Program(source=SQUARES), cases(range(3, 8)), Manner(), 2, slow)
    assert {execution.limits.cpu_seconds for execution in sandbox.ran} == {Manner().limits.cpu_seconds}


ALL = Cases(shift=0, examples=cases(range(1, 3)), hidden=cases(range(3, 8)), far=cases(range(8, 20)))


async def test_only_an_accepted_program_is_changed() -> None:
    decision = await accept(Prints(), Program(source=SQUARES), ALL, Manner(), seen_far=0, mutants=5)
    assert (decision.reason, decision.checks.mutants, decision.checks.mutants_killed) == ("", 5, 0)
    wrong = Prints(wrong=frozenset({SQUARES}))
    decision = await accept(wrong, Program(source=SQUARES), ALL, Manner(), seen_far=0, mutants=5)
    assert decision.reason
    assert decision.checks.mutants == 0
    assert {execution.source for execution in wrong.ran} == {SQUARES}


async def test_trouble_around_a_mutant_is_trouble_and_no_strength() -> None:
    with pytest.raises(InfrastructureError):
        await accept(Prints(broken=True), Program(source=SQUARES), ALL, Manner(), seen_far=0, mutants=5)


@needs_walls
async def test_cases_that_notice_kill_more_than_cases_that_do_not() -> None:
    program = Program(source="n = int(input())\nprint(n * n if n < 100 else n * n + 0 * (n - 7))\n")
    with SandboxExecutor() as sandbox:
        many = await strength(sandbox, program, cases(range(2, 8)), Manner(), 50, PASSED)
        one = await strength(sandbox, program, cases(range(1)), Manner(), 50, PASSED)
    assert many.mutants == one.mutants > 5
    assert 0 < one.killed < many.killed < many.mutants  # what is beyond 100 nobody looks at


@needs_walls
async def test_a_mutant_that_does_not_end_is_killed() -> None:
    source = "n = int(input())\nk = 0\nwhile k < n:\n    k += 1\nprint(k * k)\n"
    with SandboxExecutor() as sandbox:
        found = await strength(sandbox, Program(source=source), cases(range(3, 8)), Manner(), 100, PASSED)
    assert found.fewest < found.killed
    assert found.killed > 0.8 * found.mutants
