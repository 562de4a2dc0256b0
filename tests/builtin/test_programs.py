"""The programs that the agent writes print the values of their rules, fast enough, over stdin and stdout."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rule_strategies import FAMILIES, printed, printed_by_process, reach

from codeseq_ray.agents.builtin.programs import program_for
from codeseq_ray.agents.builtin.rules import (
    AlgebraicSeries,
    ArithmeticRule,
    LinearRecurrence,
    PolynomialRecurrence,
    ProductSeries,
    QuasiPolynomial,
    Rule,
)
from codeseq_ray.agents.builtin.rules.functions import FUNCTIONS, Function


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), further=st.integers(0, 25))
def test_the_program_prints_the_values_of_the_rule(family: str, data: st.DataObject, further: int) -> None:
    rule = data.draw(FAMILIES[family])
    program = program_for(rule)
    n = rule.start + further
    assert printed(program.source, n) == str(rule.value(n))
    assert program.process
    assert not any(isinstance(node, ast.Dict) for node in ast.walk(ast.parse(program.source)))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.says)
def test_a_function_is_the_same_in_the_program_and_in_the_agent(function: Function) -> None:
    """Two ways of computing, written apart: the program's and the agent's."""
    surroundings: dict[str, object] = {}
    exec(compile(function.source, "f", "exec"), surroundings)
    f = surroundings["f"]
    for m in (*range(function.least, function.least + 70), 128, 243, 250):
        if m <= function.most:
            assert f(m) == function.compute(m), m  # type: ignore[operator]


EXAMPLES: list[Rule] = [
    QuasiPolynomial(1, ((), (2, 3), (1,))),  # type: ignore[arg-type]
    LinearRecurrence(0, (3, -2, 5, 0, 1), (0, 1, 7)),
    PolynomialRecurrence(0, (1, 1), ((-2, 4),), (), (1,)),
    ProductSeries(0, 0, 1, QuasiPolynomial(1, ((1, 1),))),  # type: ignore[arg-type]
    AlgebraicSeries(0, 1, ((0, 0, 1), (1, 0, -1), (3, 1, 1))),
    ArithmeticRule(
        1,
        "how many of the numbers 1, 2, ..., m have no common factor above 1 with m",
        (0, 1),
        True,
        1,
        (),
        (1,),
        0,
    ),
]


@pytest.mark.parametrize("rule", EXAMPLES, ids=lambda r: type(r).__name__)
def test_a_program_alone_reads_stdin_and_reaches_the_largest_input_in_time(rule: Rule) -> None:
    source = program_for(rule).source
    n = reach(rule)
    began = time.monotonic()
    answer = printed_by_process(source, n)
    assert time.monotonic() - began < 8
    assert answer == str(rule.value(n))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.says)
def test_programs_of_functions_reach_the_largest_input_in_time(function: Function) -> None:
    argument = (1, 1) if function.steep else (1, 0, 1)
    rules = [ArithmeticRule(1, function.says, argument, False, 1, (), (1,), 0)]
    if not function.steep:
        rules.append(ArithmeticRule(1, function.says, (0, 1), True, 1, (), (1,), 0))
    for rule in rules:
        began = time.process_time()
        assert printed(program_for(rule).source, reach(rule)).lstrip("-").isdecimal()
        assert time.process_time() - began < 3
