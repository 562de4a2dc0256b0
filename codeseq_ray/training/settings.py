"""What is trained, from which rows, how, and on what. None of it is read by other jobs."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field, JsonValue, model_validator

from codeseq_ray.llm.settings import EndpointUrl
from codeseq_ray.reward.forms import Form

_ROW: dict[str, JsonValue] = {"row": True}
"""Changes what the model becomes: a run id stands for one value of it."""


class TrainingSettings(BaseModel):
    """What both kinds of training have in common. Defaults are ours; presets (jobs/presets) say whose theirs are."""

    model: str = Field(
        min_length=1,
        description="The model to begin from: a folder in Hugging Face's layout on every node, or a name on the Hub.",
        json_schema_extra=_ROW,
    )
    model_revision: str | None = Field(
        None, min_length=1, description="Commit or tag of a model on the Hub.", json_schema_extra=_ROW
    )
    seed: int = Field(
        0, ge=0, description="Seed of the order of rows and of new weights.", json_schema_extra=_ROW
    )
    limit: int | None = Field(
        None, ge=1, description="Only so many rows, drawn by the seed.", json_schema_extra=_ROW
    )
    method: Literal["lora", "full"] = Field(
        "lora",
        description="Train an adapter (LoRA) on all linear layers, or all weights.",
        json_schema_extra=_ROW,
    )
    lora_rank: int = Field(16, ge=1, description="Rank of the adapter.", json_schema_extra=_ROW)
    lora_alpha: int = Field(
        32, ge=1, description="Its scale: alpha / rank weighs the adapter.", json_schema_extra=_ROW
    )
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="Its dropout.", json_schema_extra=_ROW)
    learning_rate: float = Field(
        2e-4, gt=0, description="Highest learning rate. For --method full give less.", json_schema_extra=_ROW
    )
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        "cosine", description="How the learning rate falls.", json_schema_extra=_ROW
    )
    warmup_share: float = Field(
        0.03,
        ge=0,
        lt=1,
        description="Share of the steps in which the learning rate rises.",
        json_schema_extra=_ROW,
    )
    weight_decay: float = Field(0.0, ge=0, description="Weight decay of AdamW.", json_schema_extra=_ROW)
    max_grad_norm: float = Field(
        1.0, gt=0, description="Gradients are cut to this norm.", json_schema_extra=_ROW
    )
    epochs: float = Field(
        1.0, gt=0, description="Times that the rows are gone through.", json_schema_extra=_ROW
    )
    max_steps: int | None = Field(
        None, ge=1, description="End after so many optimiser steps instead.", json_schema_extra=_ROW
    )
    batch_size: int = Field(
        1,
        ge=1,
        description="Rows (GRPO: completions) that a worker takes through the model at a time.",
        json_schema_extra=_ROW,
    )
    accumulate: int = Field(
        8,
        ge=1,
        description="Such batches before an optimiser step: workers × batch-size × accumulate rows make a step.",
        json_schema_extra=_ROW,
    )
    precision: Literal["auto", "bfloat16", "float32"] = Field(
        "auto",
        description="Numbers of weights and sums. auto: bfloat16 on GPUs that have it, else float32.",
        json_schema_extra=_ROW,
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Work activations out again instead of keeping them: less memory, about a third slower.",
    )
    attention: str | None = Field(
        None,
        min_length=1,
        description="Implementation of attention (sdpa, flash_attention_2, …). Default: what transformers picks.",
        json_schema_extra=_ROW,
    )
    workers: int = Field(1, ge=1, description="Workers of Ray Train, one GPU each.", json_schema_extra=_ROW)
    gpu: bool | None = Field(
        None, description="One GPU for each worker. Default: where the cluster has GPUs."
    )
    worker_cpus: float | None = Field(
        None,
        gt=0,
        description="CPUs that Ray keeps for each worker. Default: 1 with GPUs; without, its share of the cluster's, "
        "less what programs need.",
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="Threads of a worker's arithmetic on the CPU. Default: all that its node shares out.",
    )
    strategy: Literal["ddp", "fsdp", "deepspeed"] = Field(
        "ddp",
        description="How workers share a model: a copy each, or pieces (PyTorch's FSDP, DeepSpeed's ZeRO).",
        json_schema_extra=_ROW,
    )
    strategy_config: str | None = Field(
        None,
        min_length=1,
        description="JSON file for it: transformers' fsdp_config, or a DeepSpeed configuration.",
        json_schema_extra=_ROW,
    )
    save_steps: int = Field(50, ge=1, description="Optimiser steps between two checkpoints.")
    keep_checkpoints: int = Field(2, ge=1, description="Checkpoints that are kept; the last one is always.")
    log_steps: int = Field(5, ge=1, description="Optimiser steps between two lines of figures.")
    max_failures: int = Field(
        3, ge=0, description="Times that lost workers are begun anew from the last checkpoint."
    )
    merge: bool = Field(
        False, description="Beside an adapter, write the whole model with it merged in, for servers."
    )
    dry_run: bool = Field(
        False, description="Show what would be trained, one sample as tokens; load no weights, write nothing."
    )
    scratch: str | None = Field(
        None,
        min_length=1,
        description="Folder on every node's own disk for rows, and checkpoints and models on their way to the "
        "output. Default: where temporary files go.",
    )

    @model_validator(mode="after")
    def _strategy_fits(self) -> Self:
        if self.strategy == "deepspeed" and self.strategy_config is None:
            raise ValueError("--strategy deepspeed needs --strategy-config FILE (docs/training.md has one)")
        if self.strategy == "ddp" and self.strategy_config is not None:
            raise ValueError("--strategy-config goes with --strategy fsdp or deepspeed")
        if self.merge and self.method == "full":
            raise ValueError("--merge goes with --method lora: --method full writes a whole model anyway")
        return self


class SupervisedTraining(TrainingSettings):
    """Fine-tuning on rows with answers."""

    dataset: str = Field(
        min_length=1,
        description="Rows with `messages`: a release or a run's folder (its config sft), a mix of jobs/mix.py, or a "
        ".parquet or .jsonl file or folder; local or s3://bucket/prefix.",
        json_schema_extra=_ROW,
    )
    max_tokens: int | None = Field(
        None,
        ge=8,
        description="Leave out rows of more tokens, and pack up to so many. Default: what the tokenizer says that "
        "the model takes, 4,096 at most.",
        json_schema_extra=_ROW,
    )
    packing: bool = Field(
        True,
        description="Put short rows together up to --max-tokens; they do not see each other.",
        json_schema_extra=_ROW,
    )
    held_out: int = Field(
        0,
        ge=0,
        description="Rows of each origin (codeseq, general, given) kept back, whose loss is measured before and "
        "after: what is learned and what is forgotten.",
        json_schema_extra=_ROW,
    )
    measure: str | None = Field(
        None,
        min_length=1,
        description="Further rows whose loss is measured before and after, a .parquet or .jsonl file or folder: the "
        "same for several trainings. What of them is in --dataset is not trained on.",
        json_schema_extra=_ROW,
    )


class ReinforcementTraining(TrainingSettings):
    """GRPO on problems whose completions get a reward."""

    dataset: str = Field(
        min_length=1,
        description="Rows of the config rl: a release of jobs/rollouts.py or its run's folder, or a .parquet file.",
        json_schema_extra=_ROW,
    )
    generations: int = Field(
        8, ge=2, description="Completions of each problem: the group.", json_schema_extra=_ROW
    )
    temperature: float = Field(1.0, gt=0, description="Of sampling.", json_schema_extra=_ROW)
    completion_tokens: int = Field(
        1024, ge=1, description="Most tokens of a completion.", json_schema_extra=_ROW
    )
    prompt_tokens: int = Field(
        2048, ge=1, description="Leave out problems whose prompt has more tokens.", json_schema_extra=_ROW
    )
    kl: float = Field(
        0.0, ge=0, description="Weight of the distance from the first model (β).", json_schema_extra=_ROW
    )
    clip: float = Field(
        0.2,
        gt=0,
        description="Most that a token's probability ratio moves from 1 (ε of PPO).",
        json_schema_extra=_ROW,
    )
    loss: Literal["grpo", "bnpo", "dr_grpo", "dapo"] = Field(
        "dapo", description="How tokens are weighed: TRL's loss_type.", json_schema_extra=_ROW
    )
    scale: Literal["group", "batch", "none"] = Field(
        "group",
        description="Advantages are divided by the rewards' standard deviation in the group, in the batch, or not. "
        "Divided by the group's, w(s) cancels but for its balance against the cases (docs/reward.md).",
        json_schema_extra=_ROW,
    )
    reward_form: Form = Field(
        Form.ADDITIVE,
        description="How w(s) and the case part are put together (docs/reward.md).",
        json_schema_extra=_ROW,
    )
    reward_epsilon: float = Field(
        1e-3, gt=0, lt=1, description="ε of w(s) = −ln(s + ε).", json_schema_extra=_ROW
    )
    reward_case_weight: float = Field(
        1.0, ge=0, description="What true cases count beside the program.", json_schema_extra=_ROW
    )
    reward_refuse_tables: bool = Field(
        False,
        description="A program that spells the known terms out counts as failed.",
        json_schema_extra=_ROW,
    )
    reward_seconds: float = Field(
        120.0,
        gt=0,
        description="Seconds that a step waits for its verdicts. A completion without one by then has no reward and "
        "no part in the step.",
    )
    programs_in_flight: int | None = Field(
        None,
        ge=1,
        description="Sandbox tasks that a worker has out. Default: its share of the cluster's CPUs.",
    )
    cpu_seconds: float = Field(
        4.0, gt=0, description="CPU seconds of a program on one case.", json_schema_extra=_ROW
    )
    memory_mb: int = Field(512, ge=64, description="Memory of a program in MiB.", json_schema_extra=_ROW)
    vllm: Literal["off", "colocate", "server"] = Field(
        "off",
        description="Who samples: the model in training itself, vLLM on the same GPUs, or a `trl vllm-serve`.",
        json_schema_extra=_ROW,
    )
    vllm_url: EndpointUrl | None = Field(None, description="Of that server.")
    vllm_memory_share: float = Field(
        0.3, gt=0, lt=1, description="Share of a GPU's memory for vLLM beside the training."
    )

    @model_validator(mode="after")
    def _server_has_a_url(self) -> Self:
        if (self.vllm == "server") != (self.vllm_url is not None):
            raise ValueError("--vllm server and --vllm-url go together")
        return self

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        step = self.workers * self.batch_size * self.accumulate
        if step % self.generations:
            raise ValueError(
                f"{self.workers} workers × --batch-size {self.batch_size} × --accumulate {self.accumulate} make a "
                f"step of {step} completions: no whole groups of --generations {self.generations}"
            )
        return self
