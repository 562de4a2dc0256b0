"""Agents watched at work: every step with the requests that were really sent for it, told apart by sequence.

The steps of one sequence are gathered where its work is done `within` a `Watch`; who works on several at a time
gives each a task with a watch of its own. Work outside of any is not watched.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from codeseq_ray.agents.roles import Answer, Correction, GuidingAgent, WorkingAgent
from codeseq_ray.agents.visibility import (
    AnalystView,
    CorrectorView,
    ParaphraserView,
    SolverView,
    ValidatorView,
    View,
    WriterView,
)
from codeseq_ray.ports import ChatAnswer, ChatClient, ChatRequest
from codeseq_ray.records import Analysis, Problem, Program, Screening, SequenceRecord

T = TypeVar("T")


@dataclass
class Exchange:
    """One request to a model, and its answer."""

    model: str
    request: ChatRequest
    answer: ChatAnswer | None = None
    """None while it is waited for, and where trouble came instead."""


@dataclass
class Step:
    """One question to a role, from its view to what it gave back."""

    stage: str
    agent: str
    by_rule: bool
    view: View
    round: int = 0
    """The round that it is for; of an analysis, the round that failed."""
    sample: int = 0
    begun: float = field(default_factory=time.monotonic)
    exchanges: list[Exchange] = field(default_factory=list)
    answer: Answer[Any] | None = None
    trouble: str = ""
    """What was raised instead of an answer."""


@dataclass
class Watch:
    """What happened to one sequence, in the order in which it began."""

    steps: list[Step] = field(default_factory=list)
    ways: list[tuple[int, SequenceRecord]] = field(default_factory=list)
    """What each pair of agents came to, and how many of the steps were made by then."""

    @contextmanager
    def within(self) -> Iterator[None]:
        """Gathers the steps of work that is done within, tasks that are made there included."""
        token = _watch.set(self)
        try:
            yield
        finally:
            _watch.reset(token)

    def ended(self, record: SequenceRecord) -> None:
        self.ways.append((len(self.steps), record))

    @property
    def open_steps(self) -> list[Step]:
        return [step for step in self.steps if step.answer is None and not step.trouble]


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)
_step: ContextVar[Step | None] = ContextVar("step", default=None)


async def _watched(step: Step, answering: Awaitable[Answer[T] | None]) -> Answer[T] | None:
    watch = _watch.get()
    if watch is None:
        return await answering
    watch.steps.append(step)
    token = _step.set(step)
    try:
        answer = await answering
    except BaseException as trouble:
        step.trouble = str(trouble) or type(trouble).__name__
        raise
    finally:
        _step.reset(token)
    if answer is None:  # nobody was asked
        watch.steps.remove(step)
    step.answer = answer
    return answer


async def _answered(step: Step, answering: Awaitable[Answer[T]]) -> Answer[T]:
    answer = await _watched(step, answering)
    assert answer is not None
    return answer


class WatchedClient:
    """ports.ChatClient: keeps what is sent and what comes back with the step that it is for."""

    def __init__(self, behind: ChatClient) -> None:
        self.model = behind.model
        self._behind = behind

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        exchange = Exchange(self.model, request)
        step = _step.get()
        if step is not None:
            step.exchanges.append(exchange)
        exchange.answer = await self._behind.chat(request)
        return exchange.answer

    async def close(self) -> None:
        await self._behind.close()


class WatchedWorkingAgent:
    """roles.WorkingAgent: the one behind it, watched."""

    def __init__(self, behind: WorkingAgent) -> None:
        self._behind = behind
        self.name, self.fits_terms, self.by_rule = behind.name, behind.fits_terms, behind.by_rule

    def _step(self, stage: str, view: View, round_: int = 0, sample: int = 0) -> Step:
        return Step(stage, self.name, self.by_rule, view, round_, sample)

    async def filter(self, view: WriterView) -> Answer[Screening] | None:
        return await _watched(self._step("filter", view), self._behind.filter(view))

    async def write_problem(self, view: WriterView) -> Answer[Problem]:
        return await _answered(self._step("problem", view), self._behind.write_problem(view))

    async def write_program(self, view: SolverView, *, sample: int = 0, attempt: int = 0) -> Answer[Program]:
        answering = self._behind.write_program(view, sample=sample, attempt=attempt)
        return await _answered(self._step("program", view, attempt, sample), answering)

    async def correct(self, view: CorrectorView, *, sample: int = 0, attempt: int = 0) -> Answer[Correction]:
        answering = self._behind.correct(view, sample=sample, attempt=attempt)
        return await _answered(self._step("correction", view, attempt, sample), answering)

    async def paraphrase(self, view: ParaphraserView, *, sample: int = 0) -> Answer[str] | None:
        answering = self._behind.paraphrase(view, sample=sample)
        return await _watched(self._step("paraphrase", view, sample=sample), answering)


class WatchedGuidingAgent:
    """roles.GuidingAgent: the one behind it, watched."""

    def __init__(self, behind: GuidingAgent, *, by_rule: bool) -> None:
        self._behind = behind
        self.name, self._by_rule = behind.name, by_rule

    async def validate(self, view: ValidatorView, *, attempt: int = 0) -> Answer[tuple[str, ...]]:
        step = Step("validation", self.name, self._by_rule, view, sample=attempt)
        return await _answered(step, self._behind.validate(view, attempt=attempt))

    async def analyse(self, view: AnalystView, *, attempt: int = 0) -> Answer[Analysis]:
        step = Step("analysis", self.name, self._by_rule, view, attempt)
        return await _answered(step, self._behind.analyse(view, attempt=attempt))


def watched(
    pairs: tuple[tuple[WorkingAgent, GuidingAgent], ...],
) -> tuple[tuple[WorkingAgent, GuidingAgent], ...]:
    """The same pairs, watched."""
    return tuple(
        (WatchedWorkingAgent(working), WatchedGuidingAgent(guiding, by_rule=working.by_rule))
        for working, guiding in pairs
    )
