"""A worker's part of GRPO. Its programs run in sandboxed Ray tasks, wherever the cluster has a CPU to spare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from codeseq_ray.errors import TrainingEndedError
from codeseq_ray.pipeline import cluster
from codeseq_ray.pipeline.tasks import RayExecutor
from codeseq_ray.pipeline.training.worker import Task, bench, hand_in, train
from codeseq_ray.reward.scoring import RewardSettings, Scorer
from codeseq_ray.reward.trl import Rewards, reward_of
from codeseq_ray.settings import GrpoSettings, sandbox_of
from codeseq_ray.training.grpo import epochs_done, trainer
from codeseq_ray.training.prepared import TRAIN

FRUITLESS = 3
"""Steps in a row without one verdict, after which a training is ended: it would learn nothing and cost as much."""


def work(task: Task) -> None:
    at = bench(task)
    settings = cast(GrpoSettings, task.settings)
    done = 0 if at.resumed is None else epochs_done(at.resumed)
    reward = Watched(scorer(settings))
    made = trainer(settings, task.strategy, at.files(TRAIN), at.tokenizer, reward, at.trainer, epochs=done)
    train(at, made)
    hand_in(at, made)


class Watched:
    """The reward function; ends the training where nothing is judged any more."""

    __name__ = "cssr"

    def __init__(self, judge: Scorer) -> None:
        self._reward = reward_of(lambda: judge)
        self._fruitless = 0

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> Rewards:
        told = self._reward(prompts, completions, **columns)
        self._fruitless = 0 if any(reward is not None for reward in told) else self._fruitless + 1
        if self._fruitless == FRUITLESS:
            raise TrainingEndedError(
                f"no completion of {FRUITLESS} steps was judged: the sandbox tasks get no CPU, or --reward-seconds "
                "is too short for --cpu-seconds"
            )
        return told


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
