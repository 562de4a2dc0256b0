"""Mechanical checks of a written problem (METHOD 1): exact, and cheaper than asking a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeseq_ray.agents.masking import MASKED_DIGITS
from codeseq_ray.cases import EXAMPLES, shifted
from codeseq_ray.records import Case, Cases, Problem, Reason, Sequence

SHOWN_RUN = 3
"""So many hidden outputs in a row, as numbers of a text, are no coincidence."""
_PLAIN_WORDS = frozenset(
    (
        *("a", "an", "the", "of", "all", "and", "or", "even", "odd", "natural", "positive", "negative"),
        *("square", "squares", "cube", "cubes", "triangular", "prime", "primes", "power", "powers"),
        *("integer", "integers", "number", "numbers", "digit", "digits", "sum", "sums", "product"),
        *("multiple", "multiples", "nonnegative"),
    )
)
"""A name of one or two of these ("Even numbers") may be part of any honest text."""

_NUMBER = re.compile(r"\d+")
_GROUPED = re.compile(r"(?<![\d.])\d{1,3}(?:[,_ ]\d{3})+(?!\d)")
_WORD_OF_A_PAIR = (
    r"(?:\s|[|()\[\]:=,;]|->|→|=>|↦|is|are|equals?|gives?|yields?|outputs?|prints?"
    r"|the|answer|result|value|then|it|an?){1,8}?"
)
# Not the beginning of an expression: "t(5) = 5 * t(4)" says nothing of 5 → 5.
_VALUE = r"(?P<value>-?\d++)(?![\d.]*\d|\s*+[-+*/^·×(])"
# Looked for ahead of every place, so that one pair does not hide another that begins inside it; and compiled once,
# as a pattern for each case costs more than all else that a problem goes through. The texts are a model's: no run of
# characters may be gone through once for each place in it, so runs are possessive, no two runs of the same kind meet,
# and a row's beginning ends with its line.
_PAIR_FORMS = tuple(
    re.compile(rf"(?={form})", re.IGNORECASE | re.MULTILINE)
    for form in (
        rf"\b[a-z]\w*+\s*+[(\[]\s*+(?P<n>-?\d++)\s*+[)\]]\s*+(?:=|:|->|→|=>|↦|is|equals|gives|yields)\s*+{_VALUE}",
        rf"\b[a-z]_\{{?(?P<n>-?\d++)\}}?\s*+=\s*+{_VALUE}",
        r"\b(?:input|n|for|when|with|day|step)\b\s*+(?:(?:is|=|:|equals)\s*+)?(?P<n>-?\d++)\b"
        rf"{_WORD_OF_A_PAIR}\b{_VALUE}",
        rf"^[^\w\n]*+(?P<n>\d++)\s*+(?:->|→|=>|↦|:|\|)\s*+{_VALUE}",
        rf"^[^\w\n]*?(?P<n>-\d++)\s*+(?:->|→|=>|↦|:|\|)\s*+{_VALUE}",
        rf"(?<![\w.])(?<![-+*/^] )(?P<n>-?\d++)\s*+(?:->|→|=>|↦|\|)\s*+{_VALUE}",
    )
)
_LIST = re.compile(r"(?<!\d)\d++(?:(?:\s*+[,;|/]\s*+|\s++and\s++|\s++)-?\d++)+")


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
    if naming := _names(problem.text(), sequence):
        return _refused(Reason.NAMES_THE_SEQUENCE, naming)
    if leak := _leak(problem, moved):
        return _refused(Reason.SHOWS_HIDDEN_CASE, leak)
    told = f"{problem.description}\n{problem.input_format}\n{problem.output_format}"
    given_away = _pairs(told, moved.examples)
    for case in moved.examples:
        # The validator gets these texts and the inputs alone: an output among them would answer for it.
        if (case.input, case.output) in given_away:
            return _refused(Reason.SHOWS_EXAMPLE, f"the description gives the example {case.input} away")
    return Checked(moved)


def _refused(reason: Reason, detail: str) -> Checked:
    return Checked(None, reason, detail)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")


def _names(text: str, sequence: Sequence) -> str:
    if re.search(rf"(?<![A-Za-z0-9])A0*{sequence.number}(?!\d)", text):
        return f"the text holds {sequence.id}"
    name = sequence.name.strip().rstrip(".").casefold()
    words = re.findall(r"\w+", name)
    everyday = len(words) < 3 and set(words) <= _PLAIN_WORDS
    if len(name) > 3 and not everyday and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text.casefold()):
        return "the text holds the sequence's name"
    return ""


def _leak(problem: Problem, cases: Cases) -> str:
    """A hidden pair in a form that reads as one, or hidden terms that are not there by chance."""
    text = problem.text()
    shown = {example.output.lstrip("-") for example in cases.examples} | {e.input for e in problem.examples}
    numbers = {*_NUMBER.findall(text), *(re.sub(r"\D", "", group) for group in _GROUPED.findall(text))}
    pairs = _pairs(text, cases.hidden)
    for case in cases.hidden:
        digits = case.output.lstrip("-")
        if len(digits) >= MASKED_DIGITS and digits not in shown and digits in numbers:
            return f"the text holds the hidden term {_short(case.output)}"
        if (case.input, case.output) in pairs:
            return f"the text holds the hidden pair {case.input} → {_short(case.output)}"
    outputs = [case.output.lstrip("-") for case in cases.hidden]
    for listed in _lists(text):
        for i in range(len(outputs) - SHOWN_RUN + 1):
            run = outputs[i : i + SHOWN_RUN]
            if len(set(run)) == SHOWN_RUN and _holds(listed, run):
                return f"the text lists the hidden terms {', '.join(run)}"
    return ""


def _pairs(text: str, cases: tuple[Case, ...]) -> set[tuple[str, str]]:
    """The (input, output) of which the text says, in one of the common ways, that the one gives the other.

    Nothing is looked for where the text holds no output of these cases at all, as is usual.
    """
    numbers = set(_NUMBER.findall(text))
    if not any(case.output.lstrip("-") in numbers for case in cases):
        return set()
    return {(found["n"], found["value"]) for form in _PAIR_FORMS for found in form.finditer(text)}


def _lists(text: str) -> Iterator[list[str]]:
    """Numbers that follow each other with hardly anything between them."""
    for match in _LIST.finditer(text):
        yield _NUMBER.findall(match[0])


def _holds(listed: list[str], run: list[str]) -> bool:
    return any(listed[i : i + len(run)] == run for i in range(len(listed) - len(run) + 1))
