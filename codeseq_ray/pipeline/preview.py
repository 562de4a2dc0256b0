"""A few sequences shown whole, in this process, with nothing stored: to see what a run would do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import chain, islice

from codeseq_ray.agents.builtin.fitting import FitRequest, fit
from codeseq_ray.agents.builtin.rules import Rule
from codeseq_ray.bundled import sample_path
from codeseq_ray.errors import InputError
from codeseq_ray.oeis.source import open_source
from codeseq_ray.pipeline.crew import Around, assembled, preflight
from codeseq_ray.records import Sequence, SequenceRecord
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.selection.plan import family_split, limited
from codeseq_ray.selection.rules import screen
from codeseq_ray.settings import Settings, sandbox_of
from codeseq_ray.synthesis.loop import Assignment, synthesise_in_turn

LOOKED_AT = 5000
"""Sequences of the input that a preview chooses from: a preview starts at once on any input."""


def preview(settings: Settings, say: Callable[[str], None]) -> Iterator[SequenceRecord]:
    """The records of `settings.preview` sequences, drawn by the seed from the first that pass the rules.

    Families and their caps need a pass over the whole input and are left out here.
    """
    source = open_source(settings.input or str(sample_path()), settings.more_terms)
    preflight(settings, say)
    read = islice(chain.from_iterable(shard.read() for shard in source.shards()), LOOKED_AT)
    kept = {s.id: s for s in read if isinstance(s, Sequence) and not screen(s, settings)}
    if not kept:
        raise InputError(f"none of the first {LOOKED_AT} sequences of the input passes the selection rules")
    chosen = [kept[i] for i in limited(kept, settings.preview, settings.seed)]
    yield from asyncio.run(_work(settings, chosen, say))


async def _work(
    settings: Settings, sequences: list[Sequence], say: Callable[[str], None]
) -> list[SequenceRecord]:
    executor = SandboxExecutor(sandbox_of(settings))
    crew = assembled(settings, _fit_here, executor, Around(say))
    try:
        assignments = (Assignment(s, family_split(s.id, settings), s.id) for s in sequences)
        return await asyncio.gather(
            *(synthesise_in_turn(each, crew.pairs, executor, settings) for each in assignments)
        )
    finally:
        await crew.close()
        executor.close()


async def _fit_here(request: FitRequest) -> Rule | None:
    return await asyncio.to_thread(fit, request)
