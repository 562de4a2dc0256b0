"""The model, its adapter and the trainer's arguments, as the settings say; for both kinds of training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM

from codeseq_ray.errors import UsageError
from codeseq_ray.training.settings import TrainingSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LATEST_LOCALLY = 1
"""Checkpoints on a worker's own disk: the run's are in its store."""


def uses_bfloat16(settings: TrainingSettings) -> bool:
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())


def open_model(settings: TrainingSettings) -> PreTrainedModel:
    """The weights to begin from. Full training keeps float32 weights under bfloat16 sums, as small steps would be
    lost in bfloat16; weights that stand still under an adapter need no more than bfloat16."""
    frozen = settings.method == "lora"
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            settings.model,
            revision=settings.model_revision,
            dtype=torch.bfloat16 if frozen and uses_bfloat16(settings) else torch.float32,
            attn_implementation=settings.attention,
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"--model {settings.model}: no model can be loaded from it: {error}") from None
    return model


def adapter(settings: TrainingSettings) -> LoraConfig | None:
    """None: all weights are trained."""
    if settings.method == "full":
        return None
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def arguments(settings: TrainingSettings, strategy: Mapping[str, Any] | None, folder: Path) -> dict[str, Any]:
    """What TRL's SFTConfig and GRPOConfig share. `strategy`: the content of --strategy-config; `folder` is on the
    worker's disk."""
    given: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.accumulate,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        # Below 1 transformers takes it as a share of all steps.
        "warmup_steps": settings.warmup_share,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps or -1,
        "bf16": uses_bfloat16(settings),
        "gradient_checkpointing": settings.gradient_checkpointing,
        "save_strategy": "steps",
        "save_steps": settings.save_steps,
        "save_total_limit": LATEST_LOCALLY,
        "logging_steps": settings.log_steps,
        "logging_first_step": True,
        "report_to": "tensorboard",
        "seed": settings.seed,
        "data_seed": settings.seed,
        "disable_tqdm": True,
        "dataloader_pin_memory": torch.cuda.is_available(),
        # Without this, several workers without GPUs would each train a model of their own.
        "use_cpu": not torch.cuda.is_available(),
    }
    if settings.strategy == "fsdp":
        given["fsdp"] = True
        given["fsdp_config"] = dict(strategy or {})
    elif settings.strategy == "deepspeed":
        given["deepspeed"] = dict(strategy or {})
    return given
