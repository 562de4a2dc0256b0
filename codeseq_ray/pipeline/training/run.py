"""A training from settings to a model: rows made once, workers of Ray Train, figures as they come.

<run-id>/run.json       settings, versions, fingerprint
<run-id>/lease/         which driver works on it
<run-id>/prepared/      the rows as they are trained on, with their counts
<run-id>/checkpoints/   Ray Train's: step-NNNNNNN, from which a later start goes on
<run-id>/model/         the adapter or the whole model, with tokenizer and card
<run-id>/merged/        with --merge, the whole model with the adapter in it
<run-id>/tensorboard/   what was logged, for TensorBoard; log.json: the same as JSON
<run-id>/trained.json   written last: how it ended
"""

from __future__ import annotations

import importlib.metadata
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeseq_ray import __version__
from codeseq_ray.errors import CodeseqError, InfrastructureError, RunInUseError, UsageError
from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.judging.inputs import filesystem
from codeseq_ray.pipeline.start import output_uri, refuse_scattered_output, require_one_winner
from codeseq_ray.pipeline.training.before import (
    LIBRARIES,
    Room,
    model_for_workers,
    problems_left,
    require_packages,
    require_whole_steps,
    room,
    strategy_config,
)
from codeseq_ray.pipeline.training.telling import Telling
from codeseq_ray.rollouts.evaluation import mean_share
from codeseq_ray.settings import GrpoSettings, SftSettings, TrainSettings, fingerprint, refuse_other
from codeseq_ray.store.lease import take
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.run import RunStore
from codeseq_ray.training.prepared import MANIFEST, Prepared, Put

Say = Callable[[str], None]
Make = Callable[[Put, Path], Prepared]
Work = Callable[[Any], None]
CHECKPOINTS = "checkpoints"
DONE, LOG = "trained.json", "log.json"
BEFORE, AFTER = "held-out-before.json", "held-out-after.json"
"""Losses of the rows that were kept back."""
COLLECTIVE_SECONDS = 2 * 3600
"""That workers wait for each other: one may be putting a model or a checkpoint of 90 GB into the store."""


@dataclass
class Trained:
    """What a start came to."""

    run: RunStore
    prepared: Prepared
    done: dict[str, Any] = field(default_factory=dict)
    """What trained.json says."""
    seconds: float = 0.0


def conduct(settings: TrainSettings, say: Say, kind: str, make: Make, work: Callable[[], Work]) -> Trained:
    """Bring a training to its end; `work` gives what workers do, once their packages are known to be there.

    Raises UsageError and its kin before any work where possible, InfrastructureError when workers were lost too
    often.
    """
    begun = time.monotonic()
    require_packages(settings)
    strategy = strategy_config(settings)
    store = open_patiently(output_uri(settings), settings, say)
    run = RunStore(store, settings.run_id or time.strftime("%Y%m%d-%H%M%S"))
    say(f"run {run.run_id}: {run.uri}")
    rows = {"kind": kind, **settings.row_settings(), "strategy_config": strategy}
    _refuse_other(run, rows)
    cluster.connect(settings.local_cpus)
    place = room(settings, say)
    refuse_scattered_output(store.uri, settings, growing=place.grows)
    require_one_winner(run, settings, say)
    with held(run, settings, say):
        trained = Trained(run, _prepared(run, settings, rows, make))
        for line in (*trained.prepared.lines(), *shape_lines(settings)):
            say(line)
        if left := problems_left(settings, trained.prepared):
            say(left)
        if (done := run.read_json(DONE)) is not None:
            say("done before: nothing is left to train" + _unmerged(run, settings))
            trained.done = done
            return trained
        steps = _fit(settings, run, trained.prepared, say, work(), place, strategy)
        trained.seconds = time.monotonic() - begun
        trained.done = {
            "kind": kind,
            "steps": steps,
            "seconds_of_last_start": round(trained.seconds, 1),
            "held_out": held_out(run, settings.seed),
        }
        run.write_json(DONE, trained.done)
    return trained


def shape_lines(settings: TrainSettings) -> list[str]:
    """What makes an optimiser step."""
    step = settings.workers * settings.batch_size * settings.accumulate
    what = "completions" if isinstance(settings, GrpoSettings) else "packs of rows"
    if isinstance(settings, SftSettings) and not settings.packing:
        what = "rows"
    return [
        f"a step     {step:>10,} {what}: {settings.workers} workers × {settings.batch_size} × {settings.accumulate}"
    ]


@contextmanager
def held(run: RunStore, settings: TrainSettings, say: Say) -> Iterator[None]:
    """The run is ours for as long as the context lasts: two drivers would write the same checkpoints.

    Raises RunInUseError when another driver has it, or takes it: this one ends as by Ctrl-C.
    """
    lost: list[str] = []

    def end(holder: str) -> None:
        lost.append(holder)
        os.kill(os.getpid(), signal.SIGINT)

    with take(run, say, wait=settings.wait_for_run) as lease:
        lease.keep(end)
        try:
            yield
        except KeyboardInterrupt:
            if lost:
                raise RunInUseError(
                    f"{lost[0]} has taken run {run.run_id} over; this start ends. "
                    "Where both are to run, give one of them another --run-id."
                ) from None
            raise


def _prepared(run: RunStore, settings: TrainSettings, rows: dict[str, Any], make: Make) -> Prepared:
    """Those that are there, or made now. Until they are, a run id stands for nothing: settings that make no rows can
    be put right under it."""
    if (told := run.read_json(f"prepared/{MANIFEST}")) is not None:
        return Prepared.of(told)
    _write_manifest(run, settings, rows)
    if settings.scratch is not None:
        Path(settings.scratch).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="codeseq-training-", dir=settings.scratch) as scratch:
        made = make(lambda name, body: run.store.put(run.key(f"prepared/{name}"), body), Path(scratch))
    require_whole_steps(settings, made)
    run.write_json(f"prepared/{MANIFEST}", made.as_dict())
    return made


def _refuse_other(run: RunStore, rows: dict[str, Any]) -> None:
    """Raises RunMismatchError for a run id that stands for another training, UsageError for one of another job."""
    if (before := run.read_manifest()) is None:
        return
    stored = before.get("row_settings", {})
    if stored.get("kind") != rows["kind"]:
        raise UsageError(f"--run-id {run.run_id}: {run.uri} is of another job. Give another name.")
    if run.read_json(f"prepared/{MANIFEST}") is not None:
        refuse_other(f"run {run.run_id}", stored, rows)


def _write_manifest(run: RunStore, settings: TrainSettings, rows: dict[str, Any]) -> None:
    """Before the rows: whoever finds them knows what they were made for."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    run.write_manifest(
        {
            "kind": rows["kind"],
            "row_settings": rows,
            "settings": settings.public(),
            "fingerprint": fingerprint(rows, ""),
            "versions": {"codeseq-ray": __version__, **versions},
        }
    )


def _unmerged(run: RunStore, settings: TrainSettings) -> str:
    if settings.merge and next(iter(run.list("merged/")), None) is None:
        return "; it was trained without --merge: `PeftModel.merge_and_unload` of peft merges its adapter"
    return ""


def _fit(
    settings: TrainSettings,
    run: RunStore,
    prepared: Prepared,
    say: Say,
    work: Work,
    place: Room,
    strategy: dict[str, Any] | None,
) -> int:
    """Optimiser steps that were made, by the log that workers hand in last. Ray Train is imported here: it brings
    torch."""
    import ray.train.torch as ray_torch
    from ray import train
    from ray.train.v2.api.exceptions import ControllerError, TrainingFailedError

    from codeseq_ray.pipeline.training.following import followed
    from codeseq_ray.pipeline.training.worker import Task

    fs, path = filesystem(run.uri)
    v2: Any = train  # types are those of the version before
    torch: Any = ray_torch
    told = Telling(say)
    task = Task(
        settings.model_copy(update={"model": model_for_workers(settings.model)}),
        run.store.uri,
        run.run_id,
        prepared,
        place.threads,
        strategy,
    )
    with followed(told) as follower:
        trainer = torch.TorchTrainer(
            work,
            train_loop_config=task,
            torch_config=torch.TorchConfig(timeout_s=COLLECTIVE_SECONDS),
            scaling_config=v2.ScalingConfig(
                num_workers=settings.workers,
                use_gpu=place.gpu,
                resources_per_worker={"CPU": place.cpus, **({"GPU": 1} if place.gpu else {})},
            ),
            run_config=v2.RunConfig(
                name=CHECKPOINTS,
                storage_path=path,
                storage_filesystem=fs,
                failure_config=v2.FailureConfig(max_failures=settings.max_failures),
                checkpoint_config=v2.CheckpointConfig(num_to_keep=settings.keep_checkpoints),
                callbacks=[follower],
                logging_config=v2.LoggingConfig(log_level="WARNING"),
            ),
        )
        say(f"train: {settings.workers} worker{'s' * (settings.workers > 1)} with {place}")
        try:
            trainer.fit()
        except TrainingFailedError as error:
            if isinstance(error, ControllerError) and isinstance(error.controller_failure, CodeseqError):
                raise error.controller_failure from None
            raise InfrastructureError(
                f"the training ended early: {told.failure or error}\nThe same command with --run-id {run.run_id} "
                "goes on from the last checkpoint."
            ) from error
        except SystemExit:  # Ray Train's own way out of Ctrl-C
            raise KeyboardInterrupt from None
    log = (run.read_json(LOG) or {}).get("log")
    if not log:
        raise InfrastructureError(
            f"the workers ended and handed no model in: {run.uri}/{LOG} is missing. The same "
            f"command with --run-id {run.run_id} goes on from the last checkpoint."
        )
    return int(log[-1]["step"])


def held_out(run: RunStore, seed: int) -> dict[str, dict[str, Any]]:
    """Of each origin's rows that were kept back: mean loss before and after, and the mean of the rows' own changes
    with its 95 % interval (bootstrap over rows). Rows whose loss is no number are left out."""
    told = [(run.read_json(name) or {}).get("losses", {}) for name in (BEFORE, AFTER)]
    found = {}
    for origin in sorted(set(told[0]) & set(told[1])):
        pairs = [
            (before, after)
            for before, after in zip(told[0][origin], told[1][origin], strict=True)
            if before is not None and after is not None
        ]
        if pairs:
            before, after = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
            change = mean_share([after - before for before, after in pairs], seed)
            found[origin] = {"rows": len(pairs), "before": before, "after": after, "change": change.as_json()}
    return found


def closing(trained: Trained) -> str:
    """What the job says at its end."""
    lines = [f"model     {trained.run.uri}/model", f"steps     {trained.done.get('steps', 0):,}"]
    for origin, one in trained.done.get("held_out", {}).items():
        change = one["change"]
        lines.append(
            f"loss      {one['before']:.3f} → {one['after']:.3f} on {one['rows']:,} rows of {origin} that were kept "
            f"back ({change['mean']:+.3f}, {change['low']:+.3f} to {change['high']:+.3f})"
        )
    lines.append(f"figures   {trained.run.uri}/{LOG}; tensorboard --logdir {trained.run.uri}/tensorboard")
    return "\n".join(lines)
