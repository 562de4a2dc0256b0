"""The text of a problem states the whole rule, reads back as the rule, and gives no hidden term away."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rule_strategies import FAMILIES, any_rule, linear_recurrences

from codeseq_ray.agents.builtin.agent import tell
from codeseq_ray.agents.builtin.explanation import explain
from codeseq_ray.agents.builtin.reading import UnreadableError, read_rule
from codeseq_ray.agents.builtin.rules import LinearRecurrence, PolynomialRecurrence, QuasiPolynomial, Rule
from codeseq_ray.agents.builtin.statement import description
from codeseq_ray.records import Case

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def cases(rule: Rule, dropped: int = 1) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """Two examples and eight hidden cases, after some dropped terms."""
    values = rule.values(rule.start + dropped + 9)
    both = [Case(input=str(n), output=str(v)) for n, v in enumerate(values, rule.start)][dropped:]
    return tuple(both[:2]), tuple(both[2:])


@pytest.mark.parametrize("family", FAMILIES)
@quick
@given(data=st.data())
def test_what_is_stated_reads_back_as_a_rule_of_the_same_values(family: str, data: st.DataObject) -> None:
    rule = data.draw(FAMILIES[family])
    read = read_rule(description(rule))
    assert type(read) is type(rule)
    assert read.start == rule.start
    assert read.values(rule.start + 30) == rule.values(rule.start + 30)


@quick
@given(any_rule)
def test_equal_rules_give_equal_texts_and_the_examples_are_true(rule: Rule) -> None:
    examples, hidden = cases(rule)
    problem = tell(rule, examples, hidden)
    assert problem == tell(rule, examples, hidden)
    if problem is not None:
        assert tuple((e.input, e.output) for e in problem.examples) == tuple(
            (c.input, c.output) for c in examples
        )
        assert all(e.output in e.explanation for e in problem.examples)
        assert (
            "next" not in problem.description.replace("the next", "") or "next number" not in problem.text()
        )


@quick
@given(any_rule)
def test_no_hidden_term_of_four_digits_stands_in_the_text(rule: Rule) -> None:
    examples, hidden = cases(rule)
    problem = tell(rule, examples, hidden)
    if problem is None:
        return
    shown = {c.output for c in examples}
    numbers = set(re.findall(r"\d+", problem.text()))
    for case in hidden:
        if case.output not in shown and len(case.output.lstrip("-")) >= 4:
            assert case.output.lstrip("-") not in numbers


def test_a_rule_whose_parameters_are_hidden_terms_is_not_told() -> None:
    rule = LinearRecurrence(0, (0, 0, 0, 0, 1), (1, 2, 3, 4567, 8))
    examples, hidden = cases(rule, 0)
    assert tell(rule, examples, hidden) is None
    assert tell(rule, examples, hidden[2:3]) is not None


def test_a_rule_that_begins_after_the_first_example_is_not_told() -> None:
    rule = QuasiPolynomial(5, ((1, 2),))  # type: ignore[arg-type]
    assert tell(rule, (Case(input="4", output="9"), Case(input="5", output="11")), ()) is None


_EQUATION = re.compile(r"= ([-+*/^() \d]+) = (-?\d+)(?![\d*^/(])")


@quick
@given(any_rule, st.integers(0, 4))
def test_calculations_in_explanations_are_right(rule: Rule, further: int) -> None:
    """Every “= calculation = result” in an explanation holds when Python works it out."""
    text = explain(rule, rule.start + further, "t")
    value = rule.value(rule.start + further)
    assert str(value) in text
    for calculation, result in _EQUATION.findall(text):
        assert eval(calculation.replace("^", "**")) == int(result), text


@quick
@given(linear_recurrences(), st.integers(0, 60), st.text(max_size=3))
def test_texts_that_state_nothing_known_are_refused(rule: LinearRecurrence, place: int, noise: str) -> None:
    text = description(rule)
    start = text.index("For every")
    damaged = text[: start + place] + noise + "=" + text[start + place + 1 :]
    try:
        read = read_rule(damaged)
    except UnreadableError:
        return
    assert read.values(rule.start + 9) is not None


def test_other_texts_are_refused() -> None:
    for text in ("", "Compute the n-th prime.", "For every integer n >= 0 the rule is: t(n) = n^."):
        with pytest.raises(UnreadableError):
            read_rule(text)


def test_a_recurrence_with_division_reads_back() -> None:
    catalan = PolynomialRecurrence(0, (1, 1), ((-2, 4),), (), (1,))
    assert read_rule(description(catalan)) == catalan
    assert catalan.values(5) == [1, 1, 2, 5, 14, 42]
