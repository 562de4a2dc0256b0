"""What has to be there before a training begins, asked in the driver: packages, files, room on the cluster."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray

from codeseq_ray.errors import UsageError
from codeseq_ray.pipeline.cluster import TASK_CPUS
from codeseq_ray.pipeline.start import inside_job
from codeseq_ray.pipeline.tasks import require_memory, require_walls
from codeseq_ray.settings import GrpoSettings, TrainSettings, sandbox_of
from codeseq_ray.training.prepared import Prepared

Say = Callable[[str], None]
LIBRARIES = ("ray", "torch", "transformers", "trl", "peft", "accelerate", "datasets")


def require_packages(settings: TrainSettings) -> None:
    """Raises UsageError that names what is not installed."""
    wanted = [*LIBRARIES]
    if settings.strategy == "deepspeed":
        wanted.append("deepspeed")
    if isinstance(settings, GrpoSettings) and settings.vllm != "off":
        wanted.append("vllm")
    missing = [name for name in wanted if not _installed(name)]
    if missing:
        raise UsageError(
            f"training needs {', '.join(missing)}: pip install 'codeseq-ray[train]', or `make install-train`, on "
            "every node of the cluster (deepspeed and vllm are not part of it)"
        )


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def strategy_config(settings: TrainSettings) -> dict[str, Any] | None:
    """What --strategy-config holds. Raises UsageError for a file that is no JSON object."""
    if settings.strategy_config is None:
        return None
    try:
        told = json.loads(Path(settings.strategy_config).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--strategy-config {settings.strategy_config}: cannot be read as JSON: {error}"
        ) from None
    if not isinstance(told, dict):
        raise UsageError(f"--strategy-config {settings.strategy_config}: expected a JSON object")
    return told


def model_for_workers(model: str) -> str:
    """A folder by its whole path, as workers stand in other folders; a name on the Hub as it is."""
    path = Path(model).expanduser()
    return str(path.absolute()) if path.is_dir() else model


def require_whole_steps(settings: TrainSettings, prepared: Prepared) -> None:
    """Raises UsageError where GRPO has fewer problems than one step takes: it would end with nothing learned."""
    if not isinstance(settings, GrpoSettings):
        return
    takes, there = _problems_a_step(settings), prepared.train.rows
    if there < takes:
        raise UsageError(
            f"--dataset {settings.dataset}: {there:,} problems, and a step takes {takes}. Lower --accumulate, or "
            "raise --generations."
        )


def problems_left(settings: TrainSettings, prepared: Prepared) -> str:
    """A line about the problems that make no whole step of GRPO; empty where there are none."""
    if not isinstance(settings, GrpoSettings) or not (
        left := prepared.train.rows % (takes := _problems_a_step(settings))
    ):
        return ""
    return f"left out   {left:>10,} problems at the end of each epoch: no whole step of {takes}"


def _problems_a_step(settings: GrpoSettings) -> int:
    return settings.workers * settings.batch_size * settings.accumulate // settings.generations


@dataclass(frozen=True)
class Room:
    """What each worker gets."""

    gpu: bool
    cpus: float
    threads: int | None
    """Of its arithmetic; None: PyTorch's own choice."""
    grows: bool = False
    """Whether it waits for nodes that are still to come."""

    def __str__(self) -> str:
        if self.gpu:
            return f"a GPU and {self.cpus:g} CPUs each"
        return f"{self.cpus:g} CPUs each, {self.threads} threads"


def room(settings: TrainSettings, say: Say) -> Room:
    """What the cluster has for each worker.

    Raises UsageError where Ray would wait for ever for workers that nothing can hold, or they for programs that never
    run. A cluster of a Ray job may grow: there it is only said.
    """
    nodes, gpus = _nodes(), ray.cluster_resources().get("GPU", 0)
    gpu = settings.gpu if settings.gpu is not None else gpus > 0
    if settings.strategy == "fsdp" and not gpu:
        raise UsageError(
            "--strategy fsdp needs GPUs: on CPUs accelerate takes no notice of it, and every worker would hold the "
            "whole model. Leave --strategy out."
        )
    kept = TASK_CPUS if isinstance(settings, GrpoSettings) else 0.0
    cpus = settings.worker_cpus or (1.0 if gpu else _share(nodes, settings.workers, kept) or 1.0)
    lacking = ""
    if gpu and gpus < settings.workers:
        lacking = f"this cluster has {gpus:g} GPUs"
    elif not _fit(nodes, cpus, settings.workers, kept):
        lacking = (
            f"this cluster has {len(nodes)} nodes with CPUs, {max(nodes, default=0):g} at most, and no room for "
            f"{cpus:g} for each worker" + f" and {kept:g} for programs" * bool(kept)
        )
    if lacking and not inside_job():
        raise UsageError(f"--workers {settings.workers}: {lacking}. Lower --workers or --worker-cpus.")
    if lacking:
        say(f"--workers {settings.workers}: {lacking}; waiting for more nodes")
    if isinstance(settings, GrpoSettings):  # without verdicts every completion would be without a reward
        require_memory(settings.memory_mb, sandbox_of(settings))
        require_walls(sandbox_of(settings))
    return Room(
        gpu, cpus, settings.threads or (None if gpu else _threads(nodes, settings.workers)), bool(lacking)
    )


def _share(nodes: Sequence[float], workers: int, kept: float) -> float:
    """Without GPUs: the most CPUs that every worker can have; 0 where not all of them find a place. Whole ones where
    it is one or more."""
    parts = {node / split for node in nodes for split in range(1, workers + 1)}
    parts |= {(node - kept) / split for node in nodes for split in range(1, workers + 1)}
    rounded = {float(math.floor(part)) if part >= 1 else math.floor(100 * part) / 100 for part in parts}
    return max((cpus for cpus in rounded if _fit(nodes, cpus, workers, kept)), default=0.0)


def _fit(nodes: Sequence[float], cpus: float, workers: int, kept: float) -> bool:
    """Whether the nodes hold so many workers of so many CPUs, each on one node, and one of them has `kept` left: no
    worker may take that, or no verdict would ever come."""
    if cpus <= 0:
        return False
    held = [int(node // cpus) for node in nodes]
    return any(
        node >= kept and sum(held) - held[at] + int((node - kept) // cpus) >= workers
        for at, node in enumerate(nodes)
    )


def _threads(nodes: Sequence[float], workers: int) -> int:
    """Of the largest node's CPUs a worker's share, where workers spread evenly. While a model is at work, no program
    is: a worker may use what it leaves to them."""
    of_a_node = math.ceil(workers / max(1, len(nodes)))
    return max(1, int(max(nodes, default=os.cpu_count() or 1)) // of_a_node)


def _nodes() -> list[float]:
    """CPUs of each that has some: a head of a cluster often has none to give."""
    cpus = (node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"])
    return [one for one in cpus if one > 0]
