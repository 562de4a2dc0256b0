"""The two interfaces of the method: a working agent that makes, and a guiding agent that checks.

Every method takes one *view* (`visibility`), which holds all that this role may see, and returns an `Answer`.
An agent never raises for a sequence that it cannot handle: it gives an answer without a value, and says why.
InfrastructureError (with the calls that were answered before it), EndpointRefusedError and RunStoppedError pass
through.

`attempt` tells a question from an equal one asked before, `sample` from equal ones asked beside it: a model's answer
to each is its own, also where answers are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    ParaphraserView,
    SolverView,
    ValidatorView,
    WriterView,
)
from codeseq_ray.records import Analysis, Call, Problem, Program, Screening

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What an agent gives back: a value or why there is none, and the calls that it took."""

    value: T | None
    calls: tuple[Call, ...] = ()
    why_none: str = ""
    reason: str = ""
    """Reason code to store where the value is missing; empty: `unusable_answer`."""


@dataclass(frozen=True)
class Correction:
    """The next program; and the problem told anew where its stated rule itself was refuted (built-in agents)."""

    program: Program
    problem: Problem | None = None


class WorkingAgent(Protocol):
    """Judges the entry, writes the problem and the programs (the papers' working agent; here also *generator*)."""

    name: str
    fits_terms: bool
    """True: writes problems from a window of the listed terms (METHOD's *built-in fitter*) instead of from texts."""
    by_rule: bool
    """True: its programs are made by rules of this house. Every sample is alike, so it is asked for one and never for
    a fresh start; a correction gets the window too; and its programs may run where the kernel lacks the walls."""

    async def filter(self, view: WriterView) -> Answer[Screening] | None:
        """Is the entry worth a problem? None: it keeps every entry, unasked."""
        ...

    async def write_problem(self, view: WriterView) -> Answer[Problem]: ...

    async def write_program(
        self, view: SolverView, *, sample: int = 0, attempt: int = 0
    ) -> Answer[Program]: ...

    async def correct(
        self, view: CorrectorView, *, sample: int = 0, attempt: int = 0
    ) -> Answer[Correction]: ...

    async def paraphrase(self, view: ParaphraserView, *, sample: int = 0) -> Answer[str] | None:
        """The problem's description in other words. None: it has none but those that it writes problems in."""
        ...


class GuidingAgent(Protocol):
    """Works the problem's examples out from their inputs, and explains failures (*verifier*)."""

    name: str

    async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
        """The outputs that follow from the description for each example input, in order."""
        ...

    async def analyse(self, view: AnalystView, *, attempt: int = 0) -> Answer[Analysis]: ...
