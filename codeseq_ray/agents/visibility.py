"""Who may see which terms: METHOD's table, enforced in this one place.

| role                          | examples    | hidden cases                | far cases                        |
|-------------------------------|-------------|-----------------------------|----------------------------------|
| filter, writer (working agent)| yes         | yes                         | no, masked out of the entry      |
| validator (guiding agent)     | inputs only | no                          | no                               |
| solver, paraphraser (working) | yes         | no                          | no                               |
| corrector, analyst            | yes         | the round's failing one     | no                               |

The built-in fitter (writer and corrector of the built-in pair) sees instead a window: the first two thirds of the
listed terms, at least ten.

An agent gets a view and nothing else, so what a view lacks cannot reach a prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

from codeseq_ray.agents.masking import Mask
from codeseq_ray.records import Analysis, Case, Cases, FailingCase, Problem, Program, Sequence


def fit_window(sequence: Sequence) -> tuple[int, ...]:
    """The terms that the built-in fitter may see: two thirds of the listed ones, at least ten."""
    return sequence.terms[: max(10, 2 * len(sequence.terms) // 3)]


@dataclass(frozen=True)
class WriterView:
    """For filter and problem writer: the entry without its far terms; indices as the source counts them."""

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
class ParaphraserView:
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


View = WriterView | ValidatorView | SolverView | ParaphraserView | AnalystView | CorrectorView
"""All that a role sees."""


class Visibility:
    """Cuts the views of one sequence. `cases` carry the problem's shift once there is a problem."""

    def __init__(self, sequence: Sequence, cases: Cases, *, fitter: bool) -> None:
        self._sequence = sequence
        self._cases = cases
        self._window = fit_window(sequence) if fitter else ()

    def writer(self) -> WriterView:
        entry, cases = self._sequence, self._cases
        mask = Mask(cases)

        def masked(lines: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(map(mask, lines))

        return WriterView(
            name=mask(entry.name),
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

    def paraphraser(self, problem: Problem) -> ParaphraserView:
        return ParaphraserView(problem)

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
