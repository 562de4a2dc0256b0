"""The actor that samples a policy's answers to problems and has them judged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import ray

from codeseq_ray.judging.verdicts import Manner
from codeseq_ray.llm.roles import POLICY, clients
from codeseq_ray.pipeline.actor import Job, Row, RowActor
from codeseq_ray.pipeline.cluster import TASKS_IN_FLIGHT
from codeseq_ray.pipeline.crew import Around
from codeseq_ray.pipeline.sampling.problems import ACCEPTED, REJECTED, UNKNOWN
from codeseq_ray.pipeline.tasks import RayExecutor
from codeseq_ray.ports import Limits
from codeseq_ray.records import Outcome, Rollout, Stage
from codeseq_ray.rollouts.questions import Question, question
from codeseq_ray.rollouts.sampling import Sampler, broken
from codeseq_ray.rollouts.solvability import until_decided
from codeseq_ray.settings import SamplingSettings, sandbox_of

SamplerMaker = Callable[[SamplingSettings, Around], Sampler]


def sampler(settings: SamplingSettings, around: Around) -> Sampler:
    """A policy's client, and programs in sandboxed Ray tasks."""
    (policy,) = clients(
        settings,
        POLICY,
        notice=around.notice,
        before_sending=around.before_sending,
        stopped=around.stopped,
        observer=around.figures,
    )
    executor = RayExecutor(
        sandbox_of(settings),
        memory_mb=settings.memory_mb,
        in_flight=settings.tasks_in_flight or TASKS_IN_FLIGHT,
        batch=settings.task_batch,
        figures=around.figures,
    )
    limits = Limits(
        cpu_seconds=settings.cpu_seconds, memory_mb=settings.memory_mb, output_bytes=settings.output_bytes
    )
    return Sampler(
        around.wrap(policy), executor, Manner(limits=limits), settings.temperature, settings.max_tokens
    )


@dataclass(frozen=True)
class SamplingJob(Job):
    """What every sampling actor is made from."""

    settings: SamplingSettings
    sampler: SamplerMaker = sampler


class SamplingActor(RowActor[Sampler]):
    """Asks every sample that a problem lacks; each is kept for itself."""

    _job: SamplingJob

    def _tools(self, around: Around) -> Sampler:
        return self._job.sampler(self._job.settings, around)

    async def _to_do(self, rows: list[Row]) -> list[Row]:
        try:
            done = await self._job.index.attempts_done.remote([row["number"] for row in rows])
        except ray.exceptions.RayError:
            # At worst a sample is taken twice; the ledger's rule picks one.
            done = {}
        if done:
            await self._look_again()
        for row in rows:
            for attempt, outcome in done.get(row["number"], {}).items():
                if attempt <= len(row["known"]):
                    row["known"][attempt - 1] = state_of(outcome)
        return rows

    async def _worked(self, tools: Sampler, row: Row) -> Row | None:
        asked = question(json.loads(row["problem"]), self._job.settings.asked)
        passed = {k: known == ACCEPTED for k, known in enumerate(row["known"]) if known != UNKNOWN}
        lacking = [k for k in range(len(row["known"])) if k not in passed]
        walls: set[str] = set()
        while lacking and self._going_on() and not self._decided(passed, len(row["known"])):
            some, lacking = self._next(lacking)
            for rollout in await asyncio.gather(*(self._one(tools, asked, k) for k in some)):
                if rollout is None or rollout.outcome is Outcome.FAILED:
                    # Samples decide in their order: without this one none after it could. The next start goes on.
                    lacking = []
                else:
                    passed[rollout.sample] = rollout.outcome is Outcome.ACCEPTED
                    walls.update([" ".join(rollout.verdict.walls)] if rollout.verdict else [])
        return {"number": row["number"], "walls": "; ".join(sorted(walls - {""}))}

    def _next(self, lacking: list[int]) -> tuple[list[int], list[int]]:
        early = self._job.settings.stops_early
        at_once = len(lacking) if early is None else early[1]
        return lacking[:at_once], lacking[at_once:]

    def _decided(self, passed: dict[int, bool], samples: int) -> bool:
        early = self._job.settings.stops_early
        if early is None:
            return False
        in_order = []
        for k in range(samples):
            if k not in passed:
                break
            in_order.append(passed[k])
        at = until_decided(in_order, samples, early[0])
        return early[0].decided(sum(in_order[:at]), at, samples)

    async def _one(self, tools: Sampler, asked: Question, number: int) -> Rollout | None:
        if not self._going_on():
            return None
        with self._tally.following() as moved:
            moved(Stage.ROLLOUT)
            rollout = await self._settled(
                tools.sample(asked, number), lambda trace: broken(asked, number, trace)
            )
        if rollout is None:
            return None
        if rollout.outcome is Outcome.FAILED:
            # No verdict, so nothing to remember: the next start asks it again, or finds its answer in the cache.
            self._tally.ended(rollout)
            why = (rollout.detail.splitlines() or ["no word of why"])[-1]
            self._news.append(
                f"a rollout of {asked.sequence_id} was not judged: {why} (the same command tries it again)"
            )
        else:
            await self._keep(rollout)
        return rollout


_STATES = {Outcome.ACCEPTED: ACCEPTED, Outcome.REJECTED: REJECTED}


def state_of(outcome: str) -> int:
    """How an outcome in the ledger stands among what is known."""
    return _STATES.get(Outcome(outcome), UNKNOWN)
