"""A training from settings to a model: rows made once, workers of Ray Train, figures as they come.

<run-id>/run.json       settings, versions, fingerprint
<run-id>/prepared/      the rows as they are trained on, with their counts
<run-id>/checkpoints/   Ray Train's: step-NNNNNNN, from which a later start goes on
<run-id>/model/         the adapter or the whole model, with tokenizer and card
<run-id>/merged/        with --merge, the whole model with the adapter in it
<run-id>/tensorboard/   what was logged, for TensorBoard; log.json: the same as JSON
<run-id>/trained.json   written last: how it ended
"""

from __future__ import annotations

import importlib.metadata
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from codeseq_ray import __version__
from codeseq_ray.errors import InfrastructureError, UsageError
from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.cluster import TASK_CPUS
from codeseq_ray.pipeline.judging.inputs import filesystem
from codeseq_ray.pipeline.start import inside_job, output_uri
from codeseq_ray.settings import GrpoSettings, SftSettings, TrainSettings, fingerprint, refuse_other
from codeseq_ray.store.lease import take
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.run import RunStore
from codeseq_ray.training.prepared import MANIFEST, Prepared, Put

Say = Callable[[str], None]
Make = Callable[[Put, Path], Prepared]
LIBRARIES = ("ray", "torch", "transformers", "trl", "peft", "accelerate", "datasets")
FIGURES = {
    "loss": "loss",
    "reward": "reward",
    "cssr/passed": "passed",
    "cssr/pass_part": "for programs",
    "cssr/case_part": "for cases",
    "cssr/not_judged": "not judged",
    "frac_reward_zero_std": "groups alike",
    "completions/mean_length": "tokens a completion",
    "completions/clipped_ratio": "cut off",
    "kl": "KL",
    "entropy": "entropy",
    "mean_token_accuracy": "tokens right",
    "grad_norm": "gradient",
    "learning_rate": "learning rate",
    "step_time": "s a step",
    "cssr/seconds": "s for verdicts",
    "train_loss": "mean loss",
}
"""Of what the trainers log, what a line shows; log.json and TensorBoard have all."""
CHECKPOINTS = "checkpoints"
DONE = "trained.json"


@dataclass
class Trained:
    """What a start came to."""

    run: RunStore
    prepared: Prepared
    done: dict[str, Any] = field(default_factory=dict)
    """What trained.json says."""
    seconds: float = 0.0


def conduct(settings: TrainSettings, say: Say, kind: str, make: Make, work: Callable[[Any], None]) -> Trained:
    """Bring a training to its end. Raises UsageError and its kin before any work where possible, InfrastructureError
    when workers were lost too often."""
    begun = time.monotonic()
    _require_packages()
    store = open_patiently(output_uri(settings), settings, say)
    run = RunStore(store, settings.run_id or time.strftime("%Y%m%d-%H%M%S"))
    say(f"run {run.run_id}: {run.uri}")
    prepared = _prepared(run, make)
    _keep_manifest(run, settings, kind, prepared)
    for line in (*prepared.lines(), *shape_lines(settings)):
        say(line)
    trained = Trained(run, prepared)
    if (done := run.read_json(DONE)) is not None:
        say("done before: nothing is left to train")
        trained.done = done
        return trained
    cluster.connect(settings.local_cpus)
    with take(run, say) as lease:
        lease.keep(lambda holder: say(f"warning: {holder} has taken this run over"))
        steps = _fit(settings, run, prepared, say, work)
        trained.seconds = time.monotonic() - begun
        trained.done = {"steps": steps, "seconds_of_last_start": round(trained.seconds, 1), "kind": kind}
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


def _require_packages() -> None:
    missing = []
    for name in LIBRARIES:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        raise UsageError(
            f"training needs {', '.join(missing)}: pip install 'codeseq-ray[train]', or `make install-train`, on "
            "every node of the cluster"
        )


def _prepared(run: RunStore, make: Make) -> Prepared:
    if (told := run.read_json(f"prepared/{MANIFEST}")) is not None:
        return Prepared.of(told)
    with tempfile.TemporaryDirectory(prefix="codeseq-training-") as scratch:
        made = make(lambda name, body: run.store.put(run.key(f"prepared/{name}"), body), Path(scratch))
    run.write_json(f"prepared/{MANIFEST}", made.as_dict())
    return made


def _keep_manifest(run: RunStore, settings: TrainSettings, kind: str, prepared: Prepared) -> None:
    rows = {"kind": kind, **settings.row_settings()}
    if (before := run.read_manifest()) is not None:
        refuse_other(f"run {run.run_id}", before.get("row_settings", {}), rows)
        return
    run.write_manifest(
        {
            "kind": kind,
            "row_settings": rows,
            "settings": settings.public(),
            "fingerprint": fingerprint(rows, prepared.digest),
            "versions": {
                "codeseq-ray": __version__,
                **{name: importlib.metadata.version(name) for name in LIBRARIES},
            },
        }
    )


def _fit(
    settings: TrainSettings,
    run: RunStore,
    prepared: Prepared,
    say: Say,
    work: Callable[[Any], None],
) -> int:
    """Optimiser steps that were made. Ray Train is imported here: it brings torch."""
    import ray.train.torch
    from ray import train
    from ray.train.v2.api.exceptions import TrainingFailedError

    from codeseq_ray.pipeline.training.following import followed
    from codeseq_ray.pipeline.training.worker import Task

    gpu = settings.gpu if settings.gpu is not None else ray.cluster_resources().get("GPU", 0) > 0
    cpus = settings.worker_cpus or (1.0 if gpu else worker_cpus(settings))
    _require_room(settings, cpus, gpu)
    threads = settings.threads or max(1, math.floor(cluster.cpus() / settings.workers))
    fs, path = filesystem(run.uri)
    v2: Any = train  # types are those of the version before
    told = _Telling(say)
    with followed(told) as follower:
        trainer = v2.torch.TorchTrainer(
            work,
            train_loop_config=Task(settings, output_uri(settings), run.run_id, prepared, threads),
            scaling_config=v2.ScalingConfig(
                num_workers=settings.workers,
                use_gpu=gpu,
                resources_per_worker={"CPU": cpus, **({"GPU": 1} if gpu else {})},
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
        say(
            f"train: {settings.workers} worker{'s' * (settings.workers > 1)} with "
            + (f"a GPU and {cpus:g} CPUs each" if gpu else f"{cpus:g} CPUs each, {threads} threads")
        )
        try:
            trainer.fit()
        except TrainingFailedError as error:
            raise InfrastructureError(
                f"the training ended early: {told.failure or error}\nThe same command with --run-id {run.run_id} "
                "goes on from the last checkpoint."
            ) from error
    return told.step


def worker_cpus(settings: TrainSettings) -> float:
    """Without GPUs: a worker's share of the CPUs that programs leave."""
    share = (cluster.cpus() - _for_programs(settings)) / settings.workers
    return float(math.floor(share)) if share >= 1 else math.floor(100 * share) / 100


def _for_programs(settings: TrainSettings) -> float:
    """CPUs that no worker may take, or no verdict would ever come."""
    return TASK_CPUS if isinstance(settings, GrpoSettings) else 0.0


def _require_room(settings: TrainSettings, cpus: float, gpu: bool) -> None:
    """Ray would wait for ever for workers that no node can hold, and workers for programs that never run.

    Nothing is said inside a Ray job, whose cluster may grow.
    """
    there = ray.cluster_resources()
    if inside_job():
        return
    if gpu and there.get("GPU", 0) < settings.workers:
        raise UsageError(f"--workers {settings.workers}: this cluster has {there.get('GPU', 0):g} GPUs")
    if there.get("CPU", 0) < cpus * settings.workers + _for_programs(settings) or cpus <= 0:
        raise UsageError(
            f"--workers {settings.workers}: this cluster has {there.get('CPU', 0):g} CPUs, and {cpus:g} for each "
            f"worker leave less than {_for_programs(settings):g} for programs. Lower --workers or --worker-cpus."
        )


class _Telling:
    """Reports of the workers as lines."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.step = 0
        self.failure = ""
        self._begun = time.monotonic()

    def __call__(self, told: Any) -> None:
        if "failed" in told:
            self.failure = str(told["failed"])
            self._say(f"a worker was lost: {self.failure}")
            return
        self.step = int(told.get("step") or self.step)
        if told.get("saved"):
            self._say(f"step {self.step:,} of {told['of']:,}: checkpoint saved")
            return
        figures = [f"{words} {told[name]:.4g}" for name, words in FIGURES.items() if name in told]
        minutes = (time.monotonic() - self._begun) / 60
        self._say(f"step {self.step:,} of {told.get('of', 0):,}: {', '.join(figures)}; {minutes:.1f} min")


def closing(trained: Trained) -> str:
    """What the job says at its end."""
    return "\n".join(
        [
            f"model     {trained.run.uri}/model",
            f"steps     {trained.done.get('steps', 0):,}",
            f"figures   {trained.run.uri}/log.json; tensorboard --logdir {trained.run.uri}/tensorboard",
        ]
    )
