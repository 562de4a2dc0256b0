"""What each sequence of a run took, from its records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from codeseq_ray.cases import draw
from codeseq_ray.errors import UsageError
from codeseq_ray.records import Outcome, Round, SequenceRecord, Verdict
from codeseq_ray.store import parquet
from codeseq_ray.store.ledger import Ledger, LedgerRow, read_ledger
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import RECORD_SCHEMA

EXECUTION_MS = 3.0
"""CPU of the sandbox and the task around it for one program or one input in a process of its own
(benchmarks/results/sandbox.md), beside the program's own."""
CALL_MS = 4.0
"""CPU of the whole pipeline for one call of a model (benchmarks/results/occupancy.md)."""
_SLICE = 32
"""Far cases that share a process (`judging.acceptance`)."""


@dataclass(frozen=True)
class Took:
    """Of one sequence, all its attempts' answers paid anew: what the cache replayed counts like the rest."""

    accepted: float
    prompt_tokens: float
    answer_tokens: float
    calls: float
    slot_seconds: float
    """Of its requests one after the other: so long it kept a slot of a model server busy. Answers from the cache, of
    which no time is known, are not in it."""
    replayed_tokens: float
    """Of the answers' tokens, those from the cache."""
    program_seconds: float
    """CPU of its programs, by their own clocks."""
    executions: float
    """Processes that programs were run in."""
    record_bytes: float

    @property
    def cpu_seconds(self) -> float:
        return self.program_seconds + (EXECUTION_MS * self.executions + CALL_MS * self.calls) / 1000


NAMES = tuple(field.name for field in fields(Took))


@dataclass(frozen=True)
class Measured:
    """A run, or a fair part of it. `took`: one row a sequence, columns as `NAMES`."""

    run: RunStore
    took: npt.NDArray[np.float64]
    outcomes: int
    """Of the whole run; `failed` ones among them are infrastructure's and are left out of `took`."""
    failed: int
    selected: int
    segments: int
    """Ledger segments that the run has written."""


def measure(run: RunStore, most: int, seed: int) -> Measured:
    """Read a run's records, whole segments of them drawn by the seed. Raises UsageError where there are none."""
    manifest = run.read_manifest()
    if manifest is None or manifest.get("kind", "synthesis") != "synthesis":
        raise UsageError(f"{run.uri} is no run of jobs/synthesize.py: it has no run.json of one")
    ledger = read_ledger(run)
    rows = [row for row in ledger if row.outcome is not Outcome.FAILED]
    if not rows:
        raise UsageError(f"{run.uri}: no sequence has come to an outcome yet, so there is nothing to measure")
    by_segment: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        by_segment[row.record_key].append(row)
    drawn: list[str] = []
    count = 0
    for key in sorted(by_segment, key=lambda key: (draw(seed, "estimate", key), key)):
        if count >= most:
            break
        drawn.append(key)
        count += len(by_segment[key])
    took = [
        [float(getattr(one, name)) for name in NAMES]
        for key in drawn
        for one in _of(run, key, by_segment[key])
    ]
    return Measured(
        run,
        np.array(took, dtype=np.float64),
        outcomes=len(ledger),
        failed=ledger.outcomes.get(Outcome.FAILED, 0),
        selected=_selected(manifest, ledger),
        segments=len({row.record_key for row in ledger}),
    )


def _selected(manifest: dict[str, object], ledger: Ledger) -> int:
    counts = manifest.get("counts")
    selected = counts.get("selected") if isinstance(counts, dict) else None
    return selected if isinstance(selected, int) else len(ledger)


def _of(run: RunStore, key: str, rows: list[LedgerRow]) -> Iterator[Took]:
    wanted = {(row.sequence_id, row.attempt) for row in rows}
    table = parquet.decode(run.store.get(run.key(key)), RECORD_SCHEMA, f"{run.uri}/{key}")
    for found in table.to_pylist():
        if (found["sequence_id"], found["attempt"]) in wanted:
            text = found["record"]
            yield of_record(SequenceRecord.model_validate_json(text), len(text.encode()))


def of_record(record: SequenceRecord, size: int) -> Took:
    """What one sequence took; `size`: bytes of its record."""
    answers = [answer for told in record.paraphrases for answer in told.answers]
    verdicts: list[Verdict] = []
    executions = 0
    for rounds, acceptance in (
        (record.rounds, record.acceptance),
        *((answer.rounds, answer.acceptance) for answer in answers),
    ):
        judged = list(_verdicts(rounds))
        verdicts += judged
        executions += len(judged)
        if acceptance is not None:
            verdicts += [v for v in (acceptance.far, acceptance.rerun) if v is not None]
            executions += -(-acceptance.far_checked // _SLICE) + acceptance.mutants
            executions += acceptance.rerun.total if acceptance.rerun else 0
    calls = [call for call in record.calls if call.prompt_id]
    return Took(
        accepted=float(record.outcome is Outcome.ACCEPTED),
        prompt_tokens=sum(call.prompt_tokens for call in calls),
        answer_tokens=sum(call.completion_tokens for call in calls),
        calls=len(calls),
        slot_seconds=sum(call.seconds for call in calls),
        replayed_tokens=sum(call.completion_tokens for call in calls if call.replayed),
        program_seconds=sum(verdict.cpu_ms for verdict in verdicts) / 1000,
        executions=executions,
        record_bytes=size,
    )


def _verdicts(rounds: tuple[Round, ...]) -> Iterator[Verdict]:
    for one in rounds:
        yield one.verdict
        yield from (other.verdict for other in one.others)
