"""A worker's part of GRPO. Its programs run in sandboxed Ray tasks, wherever the cluster has a CPU to spare."""

from __future__ import annotations

from typing import cast

from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.tasks import RayExecutor
from codeseq_ray.pipeline.training.worker import Task, bench, hand_in, train
from codeseq_ray.reward.scoring import RewardSettings, Scorer
from codeseq_ray.reward.trl import reward_of
from codeseq_ray.settings import GrpoSettings, sandbox_of
from codeseq_ray.training.grpo import trainer
from codeseq_ray.training.prepared import TRAIN


def work(task: Task) -> None:
    at = bench(task)
    settings = cast(GrpoSettings, task.settings)
    judge = scorer(settings)
    made = trainer(settings, at.files(TRAIN), at.tokenizer, reward_of(lambda: judge), at.folder / "trainer")
    train(at, made)
    hand_in(at, made)


def scorer(settings: GrpoSettings) -> Scorer:
    """The reward over Ray tasks of one program each: a slow one holds up none but itself, and a batch waits for it no
    longer than --reward-seconds."""
    sandbox = sandbox_of(settings)
    in_flight = settings.programs_in_flight or max(2, int(cluster.cpus() / settings.workers))
    executor = RayExecutor(sandbox, memory_mb=settings.memory_mb, in_flight=in_flight, batch=1)
    return Scorer(
        RewardSettings(
            form=settings.reward_form,
            epsilon=settings.reward_epsilon,
            case_weight=settings.reward_case_weight,
            refuse_tables=settings.reward_refuse_tables,
            cpu_seconds=settings.cpu_seconds,
            memory_mb=settings.memory_mb,
            batch_seconds=settings.reward_seconds,
            sandbox=sandbox,
        ),
        executor,
    )
