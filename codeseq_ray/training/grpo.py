"""Reinforcement by TRL's GRPOTrainer, with our reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from codeseq_ray.training.model import adapter, arguments, open_model
from codeseq_ray.training.settings import ReinforcementTraining

Reward = Callable[..., list[float | None]]


def trainer(
    settings: ReinforcementTraining,
    files: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    reward: Reward,
    folder: Path,
    callbacks: Sequence[TrainerCallback] = (),
) -> GRPOTrainer:
    """A trainer over the prepared problems."""
    rows = Dataset.from_parquet(list(files), cache_dir=str(folder / "cache"))
    assert isinstance(rows, Dataset)
    tokenizer.padding_side = "left"
    return GRPOTrainer(
        model=open_model(settings),
        reward_funcs=reward,
        args=GRPOConfig(**arguments(settings, folder), **_sampling(settings)),
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=adapter(settings),
        callbacks=list(callbacks),
    )


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
