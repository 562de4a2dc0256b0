"""Settings → who works in a loop actor: pairs of agents, tried in turn, and the sandbox for their programs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codeseq_ray.agents.builtin.agent import BuiltinGuidingAgent, BuiltinWorkingAgent, Fitter
from codeseq_ray.agents.llm import LLMGuidingAgent, LLMWorkingAgent
from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.roles import GuidingAgent, WorkingAgent
from codeseq_ray.errors import RunStoppedError
from codeseq_ray.llm.preflight import preflight as check_endpoints
from codeseq_ray.llm.roles import clients
from codeseq_ray.pipeline.cluster import TASKS_IN_FLIGHT
from codeseq_ray.pipeline.metrics import Figures
from codeseq_ray.pipeline.tasks import RayExecutor, RayFitter
from codeseq_ray.ports import ChatClient, Executor
from codeseq_ray.settings import Settings, sandbox_of

log = logging.getLogger(__name__)

Pair = tuple[WorkingAgent, GuidingAgent]
Notice = Callable[[str], None]
"""Takes a line for the user: a server is down, or back."""


def _nothing() -> None:
    return None


def _as_it_is(client: ChatClient) -> ChatClient:
    return client


@dataclass(frozen=True)
class Around:
    """What a crew's clients are given from outside."""

    notice: Notice
    before_sending: Callable[[], None] = _nothing
    """Called before every request; raises RunStoppedError when no more may be sent."""
    stopped: Callable[[], RunStoppedError | None] = _nothing
    """Why nobody may wait any longer to send one, if so."""
    wrap: Callable[[ChatClient], ChatClient] = _as_it_is
    """Puts something around a client: a meter, a cache."""
    figures: Figures | None = None
    """Counts what is asked and run."""


@dataclass(frozen=True)
class Crew:
    """Made on the event loop where it works: clients and semaphores live there."""

    pairs: tuple[Pair, ...]
    executor: Executor
    clients: tuple[ChatClient, ...] = field(default=())

    async def close(self) -> None:
        for client in self.clients:
            await client.close()


CrewMaker = Callable[[Settings, Around], Crew]


def crew(settings: Settings, around: Around) -> Crew:
    """The crew of a loop actor: fits and programs run as Ray tasks."""
    in_flight, batch = settings.tasks_in_flight or TASKS_IN_FLIGHT, settings.task_batch
    executor = RayExecutor(
        sandbox_of(settings),
        memory_mb=settings.memory_mb,
        in_flight=in_flight,
        batch=batch,
        figures=around.figures,
    )
    fitter = RayFitter(in_flight=in_flight, batch=batch, figures=around.figures)
    return assembled(settings, fitter, executor, around)


def assembled(settings: Settings, fitter: Fitter, executor: Executor, around: Around) -> Crew:
    """The pairs that the settings ask for, with these surroundings."""
    builtin = (BuiltinWorkingAgent(fitter), BuiltinGuidingAgent())
    if settings.agents == "builtin":
        return Crew((builtin,), executor)
    generator, verifier = (
        around.wrap(client)
        for client in clients(
            settings,
            notice=around.notice,
            before_sending=around.before_sending,
            stopped=around.stopped,
            observer=around.figures,
        )
    )
    prompts = Prompts(settings.prompts)
    models = (
        LLMWorkingAgent(
            generator,
            generator.model,
            prompts,
            temperature=settings.generator_temperature,
            filter_max_tokens=settings.filter_max_tokens,
            problem_max_tokens=settings.problem_max_tokens,
            program_max_tokens=settings.program_max_tokens,
        ),
        LLMGuidingAgent(
            verifier,
            verifier.model,
            prompts,
            temperature=settings.verifier_temperature,
            validation_max_tokens=settings.validation_max_tokens,
            analysis_max_tokens=settings.analysis_max_tokens,
        ),
    )
    pairs = (builtin, models) if settings.agents == "hybrid" else (models,)
    return Crew(pairs, executor, (generator, verifier))


def row_settings(settings: Settings) -> dict[str, Any]:
    """The settings that change what a row is; prompts stand there by their texts, wherever their files lie."""
    rows = settings.row_settings()
    if settings.asks_models:
        rows["prompts"] = Prompts(settings.prompts).id
    return rows


def preflight(settings: Settings, say: Notice) -> None:
    """Raises UsageError before any work when a role has no server that answers and has its model."""
    if settings.asks_models:
        for warning in asyncio.run(check_endpoints(settings)):
            say(f"models: {warning}")
