"""The config `outcomes`: what became of every sequence of the plan, one row each.

Every figure of a release's card and manifest is counted from these rows and from nothing else, so that whoever holds
a release can count again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from codeseq_ray.dataset import views
from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.dataset.shapes import name_template, program_shape
from codeseq_ray.dataset.usage import Bill
from codeseq_ray.records import LICENSE, Outcome, PlanRow, SequenceRecord

DROPPED = "dropped"
"""By a rule, before any work: the row's reason is the rule's."""
MISSING = "missing"
"""Selected, and without an outcome so far."""


def dropped_row(planned: PlanRow) -> views.Row:
    return _row(planned, DROPPED, reason=planned.reason)


def missing_row(planned: PlanRow) -> views.Row:
    return _row(planned, MISSING)


def failed_row(planned: PlanRow, stage: str, reason: str) -> views.Row:
    return _row(planned, Outcome.FAILED.value, stage=stage, reason=reason)


def judged_rows(planned: PlanRow, record: SequenceRecord) -> Iterator[views.Row]:
    """Of an accepted or rejected sequence: its outcome, and its rows in the other configs."""
    made = list(views.rows(record))
    bill = Bill()
    bill.add(record.calls)
    accepted = record.outcome is Outcome.ACCEPTED
    yield _row(
        planned,
        record.outcome.value,
        stage="" if accepted else record.stage.value,
        reason=record.reason,
        rounds=record.corrections,
        agents=record.agents,
        models=views.models(record),
        prompt_ids=views.prompt_ids(record),
        walls=views.walls(record) if accepted else [],
        far_checked=record.acceptance.far_checked if record.acceptance else 0,
        **views.strength(record),
        program_shape=program_shape(record.program.source) if accepted and record.program else "",
        name_template=name_template(record.sequence.name) if accepted else "",
        paraphrases=len({told.number for told, _ in views.answered(record)}),
        paraphrase_answers=sum(1 for _ in views.answered(record)),
        paraphrases_left_out=views.left_out(record),
        tokens=record.tokens,
        usage=bill.lasting(),
        rows_digest=rows_digest(made),
    )
    yield from made


def rows_digest(rows: Iterable[views.Row]) -> str:
    """Of a sequence's rows in the other configs, to the last letter; empty where it has none.

    By it a row shows that is altered where no check reaches (a comment in a program, a term that no program gave in
    time), however the files' checksums were made anew.
    """
    texts = [
        json.dumps([row.config, row.split, [[name, row.fields[name]] for name in CONFIGS[row.config].names]])
        for row in rows
    ]
    return hashlib.blake2b("\n".join(sorted(texts)).encode(), digest_size=16).hexdigest() if texts else ""


def _row(planned: PlanRow, outcome: str, **more: Any) -> views.Row:
    fields: dict[str, Any] = {
        "sequence_id": planned.sequence_id,
        "family": planned.family,
        "split": planned.split.value,
        "outcome": outcome,
        "stage": "",
        "reason": "",
        "rounds": 0,
        "agents": "",
        "models": [],
        "prompt_ids": [],
        "walls": [],
        "far_checked": 0,
        "mutants": 0,
        "mutants_killed": 0,
        "program_shape": "",
        "name_template": "",
        "paraphrases": 0,
        "paraphrase_answers": 0,
        "paraphrases_left_out": [],
        "tokens": 0,
        "usage": [],
        "rows_digest": "",
        "license": LICENSE,
        "source_url": f"https://oeis.org/{planned.sequence_id}",
    }
    return views.Row("outcomes", "train", {**fields, **more})
