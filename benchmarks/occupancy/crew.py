"""Who works in our pipeline here: the real agents where a model writes programs, and nobody where none is asked.

The problem, its validation and the analysis of a failure cost no call, so that a record's calls are its rounds; the
judge believes what a program says of itself. All else is as in any run: prompts, client, loop, ledger, cache.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.occupancy.workload import AGAIN, TASK, mark, marked
from codeseq_ray.agents.roles import Answer, Correction, WorkingAgent
from codeseq_ray.agents.visibility import AnalystView, CorrectorView, SolverView, ValidatorView, WriterView
from codeseq_ray.pipeline.crew import Around, Crew, assembled
from codeseq_ray.ports import Execution, ExecutionReport, Run
from codeseq_ray.records import Analysis, Example, Problem, Program, Screening, VerdictKind
from codeseq_ray.settings import Settings

TERMS = 24
_NAME = re.compile(r"n\^2 \+ (\d+)\*n")
_PRINTED = re.compile(r"print\(n \* n \+ (\d+) \* n \+ 1\)")


def write_input(records: tuple[int, ...], folder: Path) -> None:
    """An OEIS folder with one sequence per record: a(n) = n^2 + record*n + 1."""
    folder.mkdir()
    with gzip.open(folder / "stripped.gz", "wt") as stripped, gzip.open(folder / "names.gz", "wt") as names:
        for record in records:
            terms = ",".join(str(_term(record, n)) for n in range(1, TERMS + 1))
            stripped.write(f"A{record:06d} ,{terms},\n")
            names.write(f"A{record:06d} a(n) = n^2 + {record}*n + 1.\n")


def _term(record: int, n: int) -> int:
    return n * n + record * n + 1


def crew(settings: Settings, around: Around) -> Crew:
    """The pair of these settings with everything taken out that is not a round."""
    executor = Believing()
    made = assembled(settings, _no_fits, executor, around)
    (pair,) = made.pairs
    return Crew(((Writer(pair[0], pair[0].name), Reviewer()),), executor, made.clients)


async def _no_fits(request: Any) -> None:
    raise AssertionError("only the built-in agents fit")


@dataclass
class Writer:
    """Writes the same story for every sequence, and has the model write programs."""

    models: WorkingAgent
    name: str
    fits_terms: bool = False
    by_rule: bool = False

    async def filter(self, view: WriterView) -> Answer[Screening] | None:
        return None

    async def write_problem(self, view: WriterView) -> Answer[Problem]:
        named = _NAME.search(view.name)
        assert named is not None
        story, _, formats = TASK.partition("\n\nInput\n")
        return Answer(
            Problem(
                description=f"{mark(int(named[1]), 1)}\n{story}",
                input_format=formats.partition("\n\n")[0],
                output_format="One integer, the number of lamps on that day.",
                examples=tuple(
                    Example(input=case.input, output=case.output, explanation="By the rule of the house.")
                    for case in view.examples
                ),
            )
        )

    async def write_program(self, view: SolverView, *, sample: int = 0, attempt: int = 0) -> Answer[Program]:
        return await self.models.write_program(view, sample=sample, attempt=attempt)

    async def correct(self, view: CorrectorView, *, sample: int = 0, attempt: int = 0) -> Answer[Correction]:
        return await self.models.correct(view, sample=sample, attempt=attempt)


@dataclass
class Reviewer:
    """Knows the answers."""

    name: str = "reviewer"

    async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
        found = marked(view.description.encode())
        assert found is not None
        return Answer(tuple(str(_term(found[0], int(given))) for given in view.inputs))

    async def analyse(self, view: AnalystView, *, attempt: int = 0) -> Answer[Analysis]:
        return Answer(
            Analysis(
                why_expected="The rule adds as many lamps as the day asks for, and this day asks for so many.",
                what_is_wrong="The program prints the same number on every day.",
            )
        )


class Believing:
    """ports.Executor: what a program would print is read off its text; nothing is run."""

    async def execute(self, execution: Execution) -> ExecutionReport:
        if AGAIN in execution.source:
            printed = ["0"] * len(execution.inputs)
        else:
            said = _PRINTED.search(execution.source)
            assert said is not None
            printed = [str(_term(int(said[1]), int(given))) for given in execution.inputs]
        return ExecutionReport(tuple(Run(VerdictKind.PASSED, stdout=text) for text in printed), ("none",))
