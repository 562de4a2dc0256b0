"""Settings → the pair of agents that works, wherever the loop runs."""

from __future__ import annotations

import asyncio
from typing import Any

from codeseq_ray.agents.builtin.agent import BuiltinGuidingAgent, BuiltinWorkingAgent, Fitter
from codeseq_ray.agents.llm import LLMGuidingAgent, LLMWorkingAgent
from codeseq_ray.agents.prompting import Prompts
from codeseq_ray.agents.roles import GuidingAgent, WorkingAgent
from codeseq_ray.llm.client import clients, urls_and_models
from codeseq_ray.llm.endpoint import preflight as check_endpoint
from codeseq_ray.settings import Settings


def pair(settings: Settings, fitter: Fitter) -> tuple[WorkingAgent, GuidingAgent]:
    """The working and the guiding agent of these settings. Call it on the event loop where they will work."""
    if settings.agents == "builtin":
        return BuiltinWorkingAgent(fitter), BuiltinGuidingAgent()
    generator, verifier = clients(settings)
    prompts = Prompts(settings.prompts)
    return (
        LLMWorkingAgent(
            generator,
            generator.model,
            prompts,
            temperature=settings.generator_temperature,
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


def row_settings(settings: Settings) -> dict[str, Any]:
    """The settings that change what a row is; prompts stand there by their texts, wherever their files lie."""
    rows = settings.row_settings()
    if settings.agents == "llm":
        rows["prompts"] = Prompts(settings.prompts).id
    return rows


def preflight(settings: Settings) -> None:
    """Raises UsageError before any work when an endpoint does not answer or does not have its model."""
    if settings.agents != "llm":
        return
    urls, models = urls_and_models(settings)
    keys = (settings.generator_api_key, settings.verifier_api_key)

    async def check() -> None:
        await asyncio.gather(*(check_endpoint(*end) for end in zip(urls, models, keys, strict=True)))

    asyncio.run(check())
