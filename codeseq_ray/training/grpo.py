"""Reinforcement by TRL's GRPOTrainer, with our reward."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl import GRPOConfig, GRPOTrainer

from codeseq_ray.training.model import adapter, arguments, open_model
from codeseq_ray.training.settings import ReinforcementTraining

Reward = Callable[..., list[float | None]]


def trainer(
    settings: ReinforcementTraining,
    strategy: Mapping[str, Any] | None,
    files: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    reward: Reward,
    folder: Path,
    *,
    epochs: int = 0,
) -> GRPOTrainer:
    """A trainer over the prepared problems. `epochs`: those that the checkpoint to be resumed has behind it."""
    rows = Dataset.from_parquet(list(files), cache_dir=str(folder / "cache"))
    assert isinstance(rows, Dataset)
    tokenizer.padding_side = "left"
    # The model that --kl measures the distance from is loaded by TRL, and has to be of the same revision.
    revision = {"model_init_kwargs": {"revision": settings.model_revision}} if settings.model_revision else {}
    args = GRPOConfig(**arguments(settings, strategy, folder), **_sampling(settings), **revision)
    made = GRPOTrainer(
        model=open_model(settings),
        reward_funcs=reward,
        args=args,
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=adapter(settings),
    )
    _go_on_in_order(made, epochs)
    return made


def epochs_done(checkpoint: Path) -> int:
    """Whole epochs that a checkpoint has behind it."""
    told = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return int(told["epoch"] or 0)


def _go_on_in_order(made: GRPOTrainer, epochs: int) -> None:
    """TRL's sampler draws an order for each epoch in turn, and knows nothing of a training that is resumed: without
    this, the first epoch's order would come again, and some problems twice or not at all."""
    sampler_of = made._get_train_sampler

    def further(*given: Any) -> Any:
        sampler = sampler_of(*given)
        for _ in range(epochs):
            next(iter(sampler), None)  # its order is drawn when its first number is asked for
        return sampler

    made._get_train_sampler = further


def _sampling(settings: ReinforcementTraining) -> dict[str, Any]:
    given: dict[str, Any] = {
        "num_generations": settings.generations,
        "max_completion_length": settings.completion_tokens,
        "temperature": settings.temperature,
        "beta": settings.kl,
        "epsilon": settings.clip,
        "loss_type": settings.loss,
        "scale_rewards": settings.scale,
    }
    if settings.vllm != "off":
        given |= {
            "use_vllm": True,
            "vllm_mode": settings.vllm,
            "vllm_gpu_memory_utilization": settings.vllm_memory_share,
        }
    if settings.vllm_url is not None:
        given["vllm_server_base_url"] = settings.vllm_url
    return given
