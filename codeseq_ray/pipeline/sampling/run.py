"""A policy's rollouts of a set of problems, brought as far as the settings ask. May be stopped and started again."""

from __future__ import annotations

import asyncio
import importlib.metadata
import math
import platform
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from codeseq_ray import __version__
from codeseq_ray.errors import CapReachedError, InfrastructureError, RunEndedError
from codeseq_ray.llm.preflight import preflight
from codeseq_ray.llm.roles import POLICY, roles
from codeseq_ray.pipeline import ledger_index, monitor
from codeseq_ray.pipeline.account import Account
from codeseq_ray.pipeline.housekeeping import merge_if_due
from codeseq_ray.pipeline.progress import Progress
from codeseq_ray.pipeline.sampling.actor import SamplerMaker, SamplingActor, SamplingJob, sampler, state_of
from codeseq_ray.pipeline.sampling.problems import UNKNOWN, Known, Problems, open_problems, questions
from codeseq_ray.pipeline.start import Start, output_uri, started
from codeseq_ray.pipeline.work import Stage, caps_of, stage
from codeseq_ray.records import Reason
from codeseq_ray.rollouts.questions import prompt_id
from codeseq_ray.settings import (
    RolloutSettings,
    SamplingSettings,
    fingerprint,
    refuse_other,
    sandbox_of,
    store_of,
)
from codeseq_ray.store.merging import LedgerRows, read_rows
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.run import RunStore
from codeseq_ray.watching.snapshot import Words
from codeseq_ray.watching.standing import Spent, Standing

Say = Callable[[str], None]
BATCH = 8
"""Problems per call of an actor."""
FEWEST_OPEN = 4
WORDS = Words(
    work="rollouts",
    things="problems",
    outcomes=("passed", "not passed", "not judged"),
    row="passed rollout",
    failed_are_done=False,
)


@dataclass
class Sampled:
    """What a start came to."""

    run: RunStore
    problems: Problems
    manifest: dict[str, Any]
    rows: LedgerRows
    """The ledger: a row for each rollout that is judged."""
    missing: int
    """Rollouts in scope that are not judged (under --early-stop: of problems that are not decided)."""
    standing: Standing
    spent_before: Spent
    capped: str = ""
    seconds: float = 0.0

    def ending(self, reasons: Mapping[str, int]) -> list[str]:
        """What every job says at its end: what was paid and how long it took, what to look at, and how to go on.

        `reasons`: why rollouts did not pass → how many.
        """
        spent, replayed = self.standing.spent, sum(one.replayed for one in self.standing.bill.lines.values())
        lines = [
            f"paid      {spent.tokens:,} tokens in {spent.requests:,} requests by this start"
            + f"; {replayed:,} answers replayed from the cache" * bool(replayed),
            f"took      {self.seconds:.0f} s",
        ]
        if short := sum(
            reasons.get(reason, 0) for reason in (Reason.PROMPT_TOO_LONG, Reason.CONTEXT_TOO_SHORT)
        ):
            lines.append(
                f"warning   {short:,} answers count as failed as the server's context was too short for them: serve "
                "the policy with a longer one, under another --run-id"
            )
        if self.capped:
            lines.append(f"stopped   {self.capped}; {self.going_on()}")
        return lines

    def going_on(self) -> str:
        return f"the same command with --run-id {self.run.run_id} goes on"


def execute(
    settings: SamplingSettings,
    say: Say,
    conclude: Callable[[Sampled], None],
    make: SamplerMaker = sampler,
) -> Sampled:
    """Bring every sample of every problem in scope to a verdict, then `conclude` while the run is still ours.

    Raises UsageError and its kin before any work where possible; RunStoppedError when it has to end before it is done
    and no cap of the user's is the reason.
    """
    begun = time.monotonic()
    problems = open_problems(settings, say)
    store = open_patiently(output_uri(settings), settings, say)
    run = RunStore(store, settings.run_id or time.strftime("%Y%m%d-%H%M%S"))
    _manifest(run, settings, problems)
    for warning in asyncio.run(preflight(settings, POLICY, schemas=False)):
        say(f"models: {warning}")
    with started(run, settings, sandbox_of(settings), settings.memory_mb, say) as start:
        result = _bring_on(run, settings, problems, start, make)
        conclude(result)
    result.seconds = time.monotonic() - begun
    return result


def _bring_on(
    run: RunStore, settings: SamplingSettings, problems: Problems, start: Start, make: SamplerMaker
) -> Sampled:
    say = start.say
    manifest = _manifest(run, settings, problems)
    run.write_manifest(manifest)
    account = Account(run, start.number)
    account.write(Standing())
    rows = read_rows(run)
    merge_if_due(run, rows)
    known = known_samples(problems, rows, settings.samples)
    missing = _missing(known, settings)
    within = f", {len(problems.numbers):,} of them within the limit" * (
        len(problems.numbers) < problems.total
    )
    if settings.keeps_answers and not manifest.get("answers_of", run.run_id):
        say(f"cache: what other runs in {run.store.uri} were answered by {manifest['policy']} is replayed")
    say(f"problems: {problems.total:,} in {problems.uri}{within}, {settings.samples} rollouts of each")
    if len(rows.table):
        judged = int((known != UNKNOWN).sum())
        say(f"resume: {judged:,} of {known.size:,} rollouts are judged, {missing:,} to go")
    progress = Progress()
    if missing and start.stop.order is None:
        progress = _work(run, settings, problems, known, missing, manifest, account, start, make)
        rows = read_rows(run)
        if start.stop.order is None:
            merge_if_due(run, rows)
        missing = _missing(known_samples(problems, rows, settings.samples), settings)
    if start.stop.order is not None:
        progress.stopped = RunEndedError(start.stop.order.reason)
    account.write(account.standing, str(progress.stopped or ("" if missing else "done")))
    if progress.stopped is not None and not (
        isinstance(progress.stopped, CapReachedError) and len(rows.table)
    ):
        raise type(progress.stopped)(
            f"{progress.stopped}: {missing:,} of {known.size:,} rollouts are still to be judged.\n"
            f"The same command with --run-id {run.run_id} goes on from here."
        )
    if not len(rows.table):
        raise InfrastructureError(
            f"no rollout was judged. The same command with --run-id {run.run_id} tries them again."
        )
    return Sampled(
        run, problems, manifest, rows, missing, account.standing, account.before, str(progress.stopped or "")
    )


def _work(
    run: RunStore,
    settings: SamplingSettings,
    problems: Problems,
    known: Known,
    missing: int,
    manifest: Mapping[str, Any],
    account: Account,
    start: Start,
    make: SamplerMaker,
) -> Progress:
    job = SamplingJob(
        settings,
        run.store.uri,
        run.run_id,
        ledger_index.start(run.store.uri, run.run_id, store_of(settings)),
        monitor.start(account.before),
        caps_of(settings),
        settings.records_in_flight or open_problems_at_once(known, settings),
        make,
        answers_of=manifest.get("answers_of", run.run_id),
    )
    size = settings.loop_actors_min, settings.loop_actors_max or settings.loop_actors_min
    work = Stage(SamplingActor, job, size, BATCH)
    return stage(
        run, questions(problems, known, settings), work, missing, WORDS, account, start.stop, start.say
    )


def known_samples(problems: Problems, rows: LedgerRows, samples: int) -> Known:
    """What the ledger knows of each problem in scope (rows) and sample (columns)."""
    known = np.full((len(problems.numbers), samples), UNKNOWN, dtype=np.int8)
    if not len(rows.table) or not len(problems.numbers):
        return known
    numbers, attempts = (rows.table[name].to_numpy() for name in ("number", "attempt"))
    states = np.array([state_of(outcome) for outcome in rows.table["outcome"].to_pylist()], dtype=np.int8)
    at = np.searchsorted(problems.numbers, numbers)
    at[at == len(problems.numbers)] = 0
    mask = (problems.numbers[at] == numbers) & (attempts <= samples)
    known[at[mask], attempts[mask] - 1] = states[mask]
    return known


def open_problems_at_once(known: Known, settings: SamplingSettings) -> int:
    """Problems that an actor works on at a time, so that what is asked of them fills the servers' slots twice."""
    per_problem = _lacking(known, settings).sum(axis=1)
    asked = float(per_problem[per_problem > 0].mean())
    if settings.stops_early is not None:
        asked = min(asked, settings.stops_early[1])
    servers = len(set(settings.policy_url or ()))
    return max(FEWEST_OPEN, math.ceil(2 * servers * settings.requests_in_flight / asked) + 2)


def _missing(known: Known, settings: SamplingSettings) -> int:
    """Samples that are still to be judged."""
    return int(_lacking(known, settings).sum())


def _lacking(known: Known, settings: SamplingSettings) -> npt.NDArray[np.bool_]:
    """Which samples are still to be judged, as `known` has them."""
    lacking: npt.NDArray[np.bool_] = known == UNKNOWN
    if settings.stops_early is not None:
        lacking &= ~decided(known, settings)[:, None]
    return lacking


def decided(known: Known, settings: SamplingSettings) -> npt.NDArray[np.bool_]:
    """Under --early-stop: problems whose judged samples, as many as follow each other, say whether they are kept."""
    assert settings.stops_early is not None
    band, _ = settings.stops_early
    samples = known.shape[1]
    result = np.zeros(len(known), dtype=bool)
    for at, row in enumerate(known):
        passes = 0
        for judged, one in enumerate(row.tolist(), 1):
            if one == UNKNOWN:
                break
            passes += one
            if band.decided(passes, judged, samples):
                result[at] = True
                break
    return result


def _manifest(run: RunStore, settings: SamplingSettings, problems: Problems) -> dict[str, Any]:
    """The stored manifest if it stands for the same rollouts, or one for a new run (not yet stored)."""
    (policy,) = roles(settings, POLICY)
    rows = {**settings.row_settings(), "prompt": prompt_id(settings.asked)}
    mark = fingerprint(rows, problems.digest)
    manifest = run.read_manifest()
    if manifest is not None:
        if manifest.get("fingerprint") != mark:
            stored = {**manifest.get("row_settings", {}), "problems": manifest.get("input_digest")}
            refuse_other(f"run {run.run_id!r}", stored, {**rows, "problems": problems.digest})
        return manifest
    return {
        "format": 1,
        "kind": "rollouts" if isinstance(settings, RolloutSettings) else "evaluation",
        "run_id": run.run_id,
        "fingerprint": mark,
        "policy": f"{policy.model}@{policy.revision}" if policy.revision else policy.model,
        # Without a revision nobody says that another run's answers under this name are those of the same weights.
        "answers_of": "" if policy.revision else uuid.uuid4().hex,
        "row_settings": rows,
        "input_digest": problems.digest,
        "dataset": problems.uri,
        "settings": settings.public(),
        "versions": {
            "codeseq-ray": __version__,
            "python": platform.python_version(),
            "ray": importlib.metadata.version("ray"),
            "pyarrow": importlib.metadata.version("pyarrow"),
        },
    }
