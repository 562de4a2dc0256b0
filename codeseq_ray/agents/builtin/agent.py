"""The two roles played without a model: rules instead of wit, and a text as the only way from one to the other."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from codeseq_ray.agents.builtin.explanation import brief, explain
from codeseq_ray.agents.builtin.fitting import FitRequest
from codeseq_ray.agents.builtin.programs import program_for
from codeseq_ray.agents.builtin.reading import UnreadableError, read_rule
from codeseq_ray.agents.builtin.rules import Rule
from codeseq_ray.agents.builtin.statement import description, input_format, output_format
from codeseq_ray.agents.builtin.stories import story_of
from codeseq_ray.agents.masking import MASKED_DIGITS
from codeseq_ray.agents.roles import Answer, Correction
from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    ParaphraserView,
    SolverView,
    ValidatorView,
    WriterView,
)
from codeseq_ray.records import (
    Analysis,
    Call,
    Case,
    Example,
    Problem,
    Program,
    Reason,
    VerdictKind,
)

NAME = "builtin"

Fitter = Callable[[FitRequest], Awaitable[Rule | None]]
"""`fitting.fit`, wherever it runs."""

T = TypeVar("T")

FARTHEST = 2_000
"""The agent works no rule out so far past its start: a bound on its own time."""
LONGEST_EXPLANATION = 2_000


def _answer(stage: str, value: T) -> Answer[T]:
    return Answer(value, (Call(stage=stage, agent=NAME),))


def _none(stage: str, why: str, reason: str = "") -> Answer[T]:
    return Answer(None, (Call(stage=stage, agent=NAME),), why_none=why, reason=reason)


class BuiltinWorkingAgent:
    """Fits a rule to the window, tells it as a problem, and writes programs from the problem's text."""

    name = NAME
    fits_terms = True
    by_rule = True

    def __init__(self, fit: Fitter) -> None:
        self._fit = fit

    async def filter(self, view: WriterView) -> None:
        """Whether a rule fits says it better than any look at the entry."""

    async def write_problem(self, view: WriterView) -> Answer[Problem]:
        first = int(view.examples[0].input)
        rule = await self._fit(FitRequest(view.window, view.window_index, first))
        if rule is None:
            return _none("problem", "no family of rules fits the window", Reason.NO_RULE_FOUND)
        return self._told("problem", rule, view.examples, view.hidden)

    def _told(
        self, stage: str, rule: Rule, examples: tuple[Case, ...], hidden: tuple[Case, ...]
    ) -> Answer[Problem]:
        problem = tell(rule, examples, hidden)
        if problem is None:
            why = "the rule cannot be stated without giving a hidden term away"
            return _none(stage, why, Reason.NO_RULE_FOUND)
        return _answer(stage, problem)

    async def write_program(self, view: SolverView, *, sample: int = 0, attempt: int = 0) -> Answer[Program]:
        try:
            return _answer("program", program_for(read_rule(view.problem.description)))
        except UnreadableError as error:
            return _none("program", str(error))

    async def correct(self, view: CorrectorView, *, sample: int = 0, attempt: int = 0) -> Answer[Correction]:
        """The failing case becomes a term to fit: cases before it were passed, so the old rule is right there."""
        if view.failing.kind is not VerdictKind.WRONG_ANSWER:
            why = f"a program of this rule ended in {view.failing.kind.value}, and there is no faster one"
            return _none("correction", why, Reason.NO_RULE_FOUND)
        try:
            refuted = read_rule(view.problem.description)
            index, expected = int(view.failing.input), int(view.failing.expected)
        except ValueError as error:
            return _none("correction", str(error))
        start = view.window_index
        terms = list(view.window[: max(0, index - start)])
        reached = start + len(terms)
        if not reached <= index <= start + FARTHEST:
            return _none("correction", "the failing case lies too far past the window", Reason.NO_RULE_FOUND)
        terms += [refuted.value(n) for n in range(reached, index)]
        terms.append(expected)
        terms += view.window[len(terms) :]
        first = int(view.problem.examples[0].input)
        rule = await self._fit(FitRequest(tuple(terms), start, first))
        if rule is None or rule == refuted:
            return _none("correction", "no other rule fits with the failing case", Reason.NO_RULE_FOUND)
        failed = Case(input=view.failing.input, output=view.failing.expected)
        told = self._told("correction", rule, view.problem.examples, (failed,))
        if told.value is None:
            return _none("correction", told.why_none, told.reason)
        return _answer("correction", Correction(program=program_for(rule), problem=told.value))

    async def paraphrase(self, view: ParaphraserView, *, sample: int = 0) -> None:
        """Its problems are read by rules, in the words that they are written in."""


class BuiltinGuidingAgent:
    """Reads the rule back from the problem's text and works values out by it."""

    name = NAME

    async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
        try:
            rule = read_rule(view.description)
            outputs = tuple(str(_value(rule, text)) for text in view.inputs)
        except ValueError as error:
            return _none("validation", str(error))
        return _answer("validation", outputs)

    async def analyse(self, view: AnalystView, *, attempt: int = 0) -> Answer[Analysis]:
        try:
            rule = read_rule(view.problem.description)
            stated = _value(rule, view.failing.input)
        except ValueError as error:
            return _none("analysis", str(error))
        case, n = view.failing, int(view.failing.input)
        symbol = story_of(rule).symbol
        worked = explain(rule, n, symbol)
        if len(worked) > LONGEST_EXPLANATION:
            worked = brief(n, symbol, stated)
        if str(stated) == case.expected:
            why = worked
            wrong = f"The rule as the problem states it gives {stated}, as expected. "
        else:
            why = f"The true value for n = {n} is {case.expected}. The stated rule gives another: {worked}"
            wrong = (
                f"The rule itself is refuted by this case: it gives {stated} where {case.expected} is true. "
            )
        return _answer("analysis", Analysis(why_expected=why, what_is_wrong=wrong + _did(view)))


def _did(view: AnalystView) -> str:
    case = view.failing
    if case.kind is VerdictKind.WRONG_ANSWER:
        return f"The program prints {case.got.strip() or 'nothing'} for input {case.input}."
    return f"The program does not finish on input {case.input}: {case.kind.value}. {case.message}".strip()


def _value(rule: Rule, text: str) -> int:
    """The rule's value at an input. Raises ValueError outside of the rule's domain."""
    n = int(text)
    if not rule.start <= n <= rule.start + FARTHEST:
        raise ValueError(f"the rule says nothing for n = {n}")
    return rule.value(n)


def tell(rule: Rule, examples: tuple[Case, ...], hidden: tuple[Case, ...]) -> Problem | None:
    """The problem that states the rule, or None if its text would hold a hidden term of many digits.

    Long explanations go first: their intermediate numbers may meet a hidden term by chance.
    """
    symbol = story_of(rule).symbol
    if any(int(case.input) < rule.start for case in examples):
        return None
    for spelled_out in (True, False):
        shown = []
        for case in examples:
            n = int(case.input)
            value = rule.value(n)
            text = explain(rule, n, symbol) if spelled_out else brief(n, symbol, value)
            shown.append(Example(input=case.input, output=str(value), explanation=text))
        problem = Problem(
            description=description(rule),
            input_format=input_format(rule),
            output_format=output_format(rule),
            examples=tuple(shown),
        )
        if not _gives_away(problem, examples, hidden):
            return problem
    return None


def _gives_away(problem: Problem, examples: tuple[Case, ...], hidden: tuple[Case, ...]) -> bool:
    shown = {case.output for case in examples}
    secret = {c.output.lstrip("-") for c in hidden if c.output not in shown}
    numbers = set(re.findall(r"\d+", problem.text()))
    return any(len(term) >= MASKED_DIGITS and term in numbers for term in secret)
