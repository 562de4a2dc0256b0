"""Programs, right and wrong: the faults are those that models make."""

from __future__ import annotations

import re

from tests.model_server.answers.reading import Question
from tests.model_server.answers.statement import Statement
from tests.model_server.answers.writing import solution, spoiled
from tests.model_server.draws import chance, choice

FAULTS = ("number", "number", "talks", "lists", "words", "crashes", "examples", "late")

NO_CODE = 0.05
"""Of the wrong ones: words alone."""


def program(question: Question, words: str, right: bool) -> str:
    """Process and program. A corrector that errs writes another wrong program than before."""
    rule = solution(question)
    fault = "" if right else choice(FAULTS, words, "fault")
    if not right and chance(words, "no code") < NO_CODE:
        return (
            f"One computes {rule.formula} step by step and prints it. That is all that the program must do."
        )
    return f"{_process(question, rule)}\n\n```python\n{_written(question, rule, fault, words)}```"


def _process(question: Question, rule: Statement) -> str:
    begin = "What was wrong was the line that the reviewer names. " if question.kind == "correction" else ""
    checked = " and ".join(f"{n} gives {value}" for n, value in question.examples)
    return f"{begin}The rule is {rule.formula}. Both examples hold: {checked}."


def _written(question: Question, rule: Statement, fault: str, words: str) -> str:
    source = rule.program()
    if fault == "number":
        return spoiled(rule, words).program()
    if fault == "talks":
        return source.replace("input()", 'input("Enter n: ")')
    if fault == "words":
        return re.sub(r"print\((.*)\)\n$", r'print("The answer is", \1)\n', source)
    if fault == "lists":
        return re.sub(r"print\((.*)\)\n$", r"print([\1, \1])\n", source)
    if fault == "crashes":
        return re.sub(r"print\((.*)\)\n$", r"print(result)\n", source)
    if fault == "examples":
        table = ", ".join(f"{n}: {value}" for n, value in question.examples)
        return f"known = {{{table}}}\nprint(known[int(input())])\n"
    if fault == "late":
        return source.replace("int(input())", "int(input()) - 1", 1)
    return source
