"""The one stage of the graph that does the work: an actor that runs many sequences' loops on one event loop.

Why one stage and not five: `docs/design/pipeline.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import ray

from codeseq_ray.llm.replay import asked_anew
from codeseq_ray.pipeline.actor import Job, Row, RowActor
from codeseq_ray.pipeline.crew import Around, Crew, CrewMaker, crew
from codeseq_ray.records import Outcome, Reason, Sequence, SequenceRecord, Split, Stage
from codeseq_ray.settings import Settings
from codeseq_ray.synthesis.loop import Assignment, synthesise_in_turn


@dataclass(frozen=True)
class LoopJob(Job):
    """What every loop actor is made from."""

    settings: Settings
    crew: CrewMaker = crew


class LoopActor(RowActor[Crew]):
    """Runs the loops of sequences."""

    _job: LoopJob

    def _tools(self, around: Around) -> Crew:
        return self._job.crew(self._job.settings, around)

    async def _to_do(self, rows: list[Row]) -> list[Row]:
        attempts = {row["number"]: row["attempt"] for row in rows}
        try:
            again, done = map(set, await self._job.index.handed_out.remote(attempts))
        except ray.exceptions.RayError:
            # At worst something is done twice; the ledger's rule picks one outcome.
            again, done = set(attempts), set()
        if again:
            await self._look_again()
        return [row for row in rows if row["number"] not in done]

    async def _worked(self, tools: Crew, row: Row) -> Row | None:
        assignment = Assignment(
            sequence=Sequence.model_validate_json(row["sequence"]),
            split=Split(row["split"]),
            family=row["family"],
            attempt=row["attempt"],
        )
        at = Stage.CASES
        with asked_anew(row["reopened"]), self._tally.following() as moved:

            def come(stage: Stage) -> None:
                nonlocal at
                at = stage
                moved(stage)

            record = await self._settled(
                synthesise_in_turn(assignment, tools.pairs, tools.executor, self._job.settings, moved=come),
                lambda trace: _internal_error(assignment, at, trace),
            )
        if record is None:
            return None
        await self._keep(record)
        return {"number": row["number"], "walls": " ".join(_walls(record))}


def _walls(record: SequenceRecord) -> Iterable[str]:
    return record.rounds[-1].verdict.walls if record.rounds else ()


def _internal_error(assignment: Assignment, stage: Stage, trace: str) -> SequenceRecord:
    """A bug of ours, stored with its traceback; the sequence may be tried again once it is mended."""
    return SequenceRecord(
        sequence=assignment.sequence,
        split=assignment.split,
        family=assignment.family,
        attempt=assignment.attempt,
        agents="",
        outcome=Outcome.FAILED,
        stage=stage,
        reason=Reason.INTERNAL_ERROR,
        detail=trace,
    )
