"""A few sequences step by step, in this process, with nothing stored: to see what a run would do, and why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from codeseq_ray.agents.builtin.fitting import FitRequest, fit
from codeseq_ray.agents.builtin.rules import Rule
from codeseq_ray.bundled import sample_path
from codeseq_ray.errors import CodeseqError, InputError
from codeseq_ray.oeis.source import open_source
from codeseq_ray.pipeline.crew import Around, Crew, assembled, preflight
from codeseq_ray.records import Sequence, SequenceRecord
from codeseq_ray.sandbox.executor import SandboxExecutor
from codeseq_ray.selection.plan import family_split, limited
from codeseq_ray.selection.rules import screen
from codeseq_ray.settings import Settings, sandbox_of
from codeseq_ray.synthesis.loop import Assignment, synthesise_in_turn
from codeseq_ray.synthesis.overhearing import Watch, WatchedClient, watched
from codeseq_ray.telling.lines import Line, Lines, Tone, head
from codeseq_ray.telling.requests import Shown
from codeseq_ray.telling.steps import way
from codeseq_ray.telling.words import counted, visible

LOOKED_AT = 5000
"""Sequences of the input that a preview chooses from: a preview starts at once on any input."""
PATIENCE_MINUTES = 1.0
"""For servers that are all down, at most: somebody is looking on."""
LONGEST_PAUSE = 6
"""Times `--log-seconds`: lines that say what is waited for come ever more rarely, down to this."""
USUAL = 1000
"""Sequences of the run that is spoken of at the end, where no `--limit` says how many."""

Say = Callable[[str], None]
Show = Callable[[Lines], None]


@dataclass
class _Previewed:
    """One sequence on its way."""

    assignment: Assignment
    watch: Watch = field(default_factory=Watch)
    begun: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    record: SequenceRecord | None = None
    trouble: CodeseqError | None = None
    """What ended it without an outcome: no other sequence would fare better."""

    @property
    def id(self) -> str:
        return self.assignment.sequence.id


def preview(settings: Settings, say: Say, show: Show) -> None:
    """Work on `settings.preview` sequences side by side, and show each, in order, as soon as it is done.

    They are drawn by the seed from the first that pass the rules; families and their caps need a pass over the whole
    input and are left out here. Raises at the end what kept sequences from an outcome.
    """
    source = open_source(settings.input or str(sample_path()), settings.more_terms)
    preflight(settings, say)
    read = islice(chain.from_iterable(shard.read() for shard in source.shards()), LOOKED_AT)
    kept = {s.id: s for s in read if isinstance(s, Sequence) and not screen(s, settings)}
    if not kept:
        raise InputError(f"none of the first {LOOKED_AT} sequences of the input passes the selection rules")
    chosen = [kept[i] for i in limited(kept, settings.preview, settings.seed)]
    asyncio.run(_work(settings, chosen, say, show))


async def _work(settings: Settings, sequences: list[Sequence], say: Say, show: Show) -> None:
    patience = min(settings.endpoint_patience_minutes, PATIENCE_MINUTES)
    settings = settings.model_copy(update={"endpoint_patience_minutes": patience})
    executor = SandboxExecutor(sandbox_of(settings))
    crew = assembled(
        settings, _fit_here, executor, Around(lambda line: say(visible(line)), wrap=WatchedClient)
    )
    crew = replace(crew, pairs=watched(crew.pairs))
    ways = [_Previewed(Assignment(s, family_split(s.id, settings), s.id)) for s in sequences]
    tasks = [asyncio.create_task(_one(each, crew, settings)) for each in ways]
    shown = Shown()
    try:
        for number, (each, task) in enumerate(zip(ways, tasks, strict=True), 1):
            pause = settings.log_seconds
            while not (await asyncio.wait({task}, timeout=pause))[0]:
                say(_waiting(each, number, tasks))
                pause = min(2 * pause, LONGEST_PAUSE * settings.log_seconds)
            task.result()
            show(_told(each, f"{number} of {len(ways)}", shown))
        show(_closing(ways, settings.limit or USUAL))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await crew.close()
        executor.close()
    for each in ways:
        if each.trouble is not None:
            raise each.trouble


async def _one(each: _Previewed, crew: Crew, settings: Settings) -> None:
    with each.watch.within():
        try:
            each.record = await synthesise_in_turn(
                each.assignment, crew.pairs, crew.executor, settings, ended=each.watch.ended
            )
        except CodeseqError as trouble:
            each.trouble = trouble
    each.seconds = time.monotonic() - each.begun


def _waiting(each: _Previewed, number: int, tasks: list[asyncio.Task[None]]) -> str:
    """What the next sequence in order is waiting for."""
    now = time.monotonic()
    asked = [f"{step.stage} of {step.agent} for {now - step.begun:.0f} s" for step in each.watch.open_steps]
    done = sum(task.done() for task in tasks)
    return visible(
        f"preview: {each.id} ({number} of {len(tasks)}; {done} done) is at step {len(each.watch.steps)}, waiting for "
        f"{', '.join(asked) or 'the sandbox'}"
    )


def _told(each: _Previewed, place: str, shown: Shown) -> Iterator[Line]:
    yield Line()
    yield head(f"── Sequence {place} ──")
    trouble = "" if each.trouble is None else str(each.trouble)
    yield from way(each.assignment.sequence, each.watch, each.seconds, shown, trouble)


def _closing(ways: list[_Previewed], run: int) -> Iterator[Line]:
    """What a run may come to: no more than a rough idea."""
    records = [each.record for each in ways if each.record is not None]
    if not records:
        return
    tokens = sum(record.tokens for record in records) / len(records)
    busy = sum(call.seconds for record in records for call in record.calls) / len(records)
    yield Line()
    if tokens:
        come_to = (
            f"about {_rounded(run * tokens)} tokens and {_rounded(run * busy / 3600)} hours of one request slot of a "
            "model server"
        )
    else:
        come_to = "no tokens at all"
    such = "this one" if len(records) == 1 else f"these {len(records)}"
    yield Line(
        f"Roughly: {counted(run, 'sequence')} like {such} would "
        f"come to {come_to}. So few are no measurement: jobs/estimate.py scales a trial run, with intervals.",
        Tone.QUIET,
    )


def _rounded(value: float) -> str:
    """Two digits, as the figure deserves no more."""
    for size, unit in ((1e9, " billion"), (1e6, " million")):
        if value >= size:
            return f"{value / size:.2g}{unit}"
    return f"{float(f'{value:.2g}'):,g}"


async def _fit_here(request: FitRequest) -> Rule | None:
    return await asyncio.to_thread(fit, request)
