"""Who may see which terms: METHOD's table, enforced in this one place.

| role                          | examples    | hidden cases                | far cases                        |
|-------------------------------|-------------|-----------------------------|----------------------------------|
| writer (working agent)        | yes         | yes                         | no, masked out of the entry      |
| validator (guiding agent)     | inputs only | no                          | no                               |
| solver (working agent)        | yes         | no                          | no                               |
| corrector, analyst            | yes         | the round's failing one     | no                               |

The built-in fitter (writer and corrector of the built-in pair) sees instead a window: the first two thirds of the
listed terms, at least ten.

An agent gets a view and nothing else, so what a view lacks cannot reach a prompt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from codeseq_ray.records import Analysis, Case, Cases, FailingCase, Problem, Program, Sequence

MASK = "…"
_NUMBER = re.compile(r"-?\d+")
MASKED_DIGITS = 4
"""Numbers this long that equal a far term are masked; shorter ones are too common to mean it."""
MASKED_RUN = 3
"""So many far terms in a row are masked however short they are."""


def fit_window(sequence: Sequence) -> tuple[int, ...]:
    """The terms that the built-in fitter may see: two thirds of the listed ones, at least ten."""
    return sequence.terms[: max(10, 2 * len(sequence.terms) // 3)]


@dataclass(frozen=True)
class WriterView:
    """For the problem writer: the entry without its far terms; indices as the source counts them."""

    name: str
    keywords: tuple[str, ...] | None
    comments: tuple[str, ...]
    formulas: tuple[str, ...]
    entry_examples: tuple[str, ...]
    programs: tuple[str, ...]
    offset_known: bool
    examples: tuple[Case, ...]
    hidden: tuple[Case, ...]
    window: tuple[int, ...] = ()
    """Only for the built-in fitter: its window of terms; `window[0]` has index `window_index`."""
    window_index: int = 0


@dataclass(frozen=True)
class ValidatorView:
    """For the validator: the texts and the example inputs, never an output."""

    description: str
    input_format: str
    output_format: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class SolverView:
    problem: Problem


@dataclass(frozen=True)
class AnalystView:
    problem: Problem
    program: Program
    failing: FailingCase


@dataclass(frozen=True)
class CorrectorView:
    problem: Problem
    program: Program
    failing: FailingCase
    analysis: Analysis
    window: tuple[int, ...] = ()
    """As in WriterView: only for the built-in fitter."""
    window_index: int = 0
    """Index of `window[0]`, counted as the problem's inputs are."""


class Visibility:
    """Cuts the views of one sequence. `cases` carry the problem's shift once there is a problem."""

    def __init__(self, sequence: Sequence, cases: Cases, *, fitter: bool) -> None:
        self._sequence = sequence
        self._cases = cases
        self._window = fit_window(sequence) if fitter else ()

    def writer(self) -> WriterView:
        entry, cases = self._sequence, self._cases
        shown = {c.output for c in (*cases.examples, *cases.hidden)}
        far = [c.output.lstrip("-") for c in cases.far]
        # With its sign, and without it where no shown term has the same digits.
        digits = {term.lstrip("-") for term in shown}
        secret = {c.output for c in cases.far if c.output not in shown} | (set(far) - digits)
        secret = {term for term in secret if len(term.lstrip("-")) >= MASKED_DIGITS}

        def masked(lines: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(_mask(line, secret, far) for line in lines)

        return WriterView(
            name=entry.name,
            keywords=entry.keywords,
            comments=masked(entry.comments),
            formulas=masked(entry.formulas),
            entry_examples=masked(entry.examples),
            programs=masked(entry.programs),
            offset_known=entry.offset is not None,
            examples=cases.examples,
            hidden=cases.hidden,
            window=self._window,
            window_index=entry.first_index,
        )

    def validator(self, problem: Problem) -> ValidatorView:
        return ValidatorView(
            description=problem.description,
            input_format=problem.input_format,
            output_format=problem.output_format,
            inputs=tuple(e.input for e in problem.examples),
        )

    def solver(self, problem: Problem) -> SolverView:
        return SolverView(problem)

    def analyst(self, problem: Problem, program: Program, failing: FailingCase) -> AnalystView:
        return AnalystView(problem, program, failing)

    def corrector(
        self, problem: Problem, program: Program, failing: FailingCase, analysis: Analysis
    ) -> CorrectorView:
        return CorrectorView(
            problem,
            program,
            failing,
            analysis,
            window=self._window,
            window_index=self._sequence.first_index + self._cases.shift,
        )


def _mask(line: str, secret: set[str], far: list[str]) -> str:
    """Mask numbers equal to a far term of ≥ 4 digits, and runs of shorter numbers that are far terms in a row."""
    numbers = list(_NUMBER.finditer(line))
    digits = [match[0].lstrip("-") for match in numbers]
    hidden = {i for i, match in enumerate(numbers) if match[0] in secret or digits[i] in secret}
    starts = defaultdict(list)
    for j in range(len(far) - MASKED_RUN + 1):
        starts[tuple(far[j : j + MASKED_RUN])].append(j)
    for i in range(len(digits) - MASKED_RUN + 1):
        # A list of short terms ("31, 37, 41, 43 …") gives the far ones away although each is too short to mask.
        run = digits[i : i + MASKED_RUN]
        if tuple(run) in starts and len(set(run)) > 1 and _are_listed(line, numbers[i : i + MASKED_RUN]):
            hidden.update(range(i, i + MASKED_RUN))
    for i in sorted(hidden, reverse=True):
        line = line[: numbers[i].start()] + MASK + line[numbers[i].end() :]
    return line


def _are_listed(line: str, numbers: list[re.Match[str]]) -> bool:
    """Do these numbers stand in a list: nothing but separators between them?"""
    gaps = (line[a.end() : b.start()] for a, b in pairwise(numbers))
    return all(not gap.strip(" ,;|/\t") for gap in gaps)
