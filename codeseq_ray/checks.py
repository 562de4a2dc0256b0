"""Mechanical checks of a written problem (METHOD 1): exact, and cheaper than asking a model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeseq_ray.agents.visibility import MASKED_DIGITS
from codeseq_ray.cases import EXAMPLES, shifted
from codeseq_ray.records import Cases, Problem, Reason, Sequence

FEWEST_NAME_WORDS = 3
"""A name of one or two words ("Even numbers") may be part of any honest text; longer ones may not."""


@dataclass(frozen=True)
class Checked:
    """The cases with the problem's shift, or the reason code and words why the problem is refused."""

    cases: Cases | None
    reason: str = ""
    detail: str = ""


def check(problem: Problem, sequence: Sequence, cases: Cases) -> Checked:
    """Compare a problem with the true terms; `cases` carry plain indices as inputs."""
    if len(problem.examples) != EXAMPLES:
        return _refused(Reason.EXAMPLE_COUNT, f"{len(problem.examples)} examples instead of {EXAMPLES}")
    shifts = []
    for example, true in zip(problem.examples, cases.examples, strict=True):
        if example.output.strip() != true.output:
            return _refused(
                Reason.EXAMPLE_WRONG, f"example output {_short(example.output)} is not {_short(true.output)}"
            )
        try:
            shifts.append(int(example.input) - int(true.input))
        except ValueError:
            return _refused(Reason.SHIFT_INCONSISTENT, f"input {_short(example.input)} is not an integer")
    if len(set(shifts)) != 1:
        return _refused(Reason.SHIFT_INCONSISTENT, f"the examples shift the index by {shifts}")
    moved = shifted(cases, shifts[0])
    text = problem.text()
    if naming := _names(text, sequence):
        return _refused(Reason.NAMES_THE_SEQUENCE, naming)
    if leak := _leak(text, problem, moved):
        return _refused(Reason.SHOWS_HIDDEN_CASE, leak)
    return Checked(moved)


def _refused(reason: Reason, detail: str) -> Checked:
    return Checked(None, reason, detail)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")


def _names(text: str, sequence: Sequence) -> str:
    if re.search(rf"(?<![A-Za-z0-9])A0*{sequence.number}(?!\d)", text):
        return f"the text holds {sequence.id}"
    name = sequence.name.strip().rstrip(".").casefold()
    if len(name.split()) >= FEWEST_NAME_WORDS and name in text.casefold():
        return "the text holds the sequence's name"
    return ""


def _leak(text: str, problem: Problem, cases: Cases) -> str:
    """A hidden pair in a form that reads as one, or a hidden term long enough not to be there by chance."""
    shown = {example.output for example in cases.examples} | {e.input for e in problem.examples}
    numbers = {
        digits.lstrip("-") for digits in re.findall(r"-?\d+", re.sub(r"(?<=\d)[,_ ](?=\d{3}\b)", "", text))
    }
    for case in cases.hidden:
        digits = case.output.lstrip("-")
        if len(digits) >= MASKED_DIGITS and case.output not in shown and digits in numbers:
            return f"the text holds the hidden term {_short(case.output)}"
        n, value = re.escape(case.input), re.escape(case.output)
        pair = rf"(?<![\d.+*^/-]){n}\s*[)\]]?\s*(?:->|→|=>|=|:|↦|gives|yields|is)\s*{value}(?![\d.]*\d|\s*[-+*/^·×(])"
        if re.search(rf"\b[A-Za-z]\w*\s*[\(\[]\s*{pair}", text) or re.search(
            rf"(?i)\b(?:input|n|for)\s*(?:is|=|:)?\s*{pair}", text
        ):
            return f"the text holds the hidden pair {case.input} → {_short(case.output)}"
    return ""
