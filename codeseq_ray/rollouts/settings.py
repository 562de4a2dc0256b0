"""What rollouts are made of, and which problems are kept by them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from codeseq_ray.rollouts.questions import Task
from codeseq_ray.rollouts.solvability import Band


class ProblemsSettings(BaseModel):
    """Which problems."""

    dataset: str = Field(
        min_length=1,
        description="Problems: a release (folder or s3://bucket/prefix), a run's folder for its latest one, or a "
        "file (.parquet, .jsonl) with the columns of the config `problems`.",
    )
    split: Literal["sft", "rl", "eval"] = Field(
        "rl", description="Split of a release whose problems are asked.", json_schema_extra={"row": True}
    )
    limit: int | None = Field(None, ge=1, description="Only this many problems, drawn by the seed.")
    seed: int = Field(0, description="Seed of the limit.")


class RunLimitSettings(BaseModel):
    """Bounds of one run of a program; as in the main job."""

    cpu_seconds: float = Field(
        4.0, gt=0, description="CPU seconds of a program on one case.", json_schema_extra={"row": True}
    )
    memory_mb: int = Field(
        512, ge=64, description="Memory of a program in MiB.", json_schema_extra={"row": True}
    )
    output_bytes: int = Field(
        1 << 20, ge=1024, description="Most bytes that a program may print.", json_schema_extra={"row": True}
    )


class SamplesSettings(BaseModel):
    """How often the policy is asked."""

    samples: int = Field(
        32, ge=1, le=4096, description="Rollouts of each problem. May be raised later: what is there is kept."
    )


class EvaluationSettings(BaseModel):
    """What is measured, and what it is shown beside."""

    task: Task = Field(
        Task.GTG,
        description="gtg: the program for the n-th term; next-number: the last listed term from those before it.",
        json_schema_extra={"row": True},
    )
    pass_at: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 8, 32), description="k of pass@k; those above --samples are left out."
    )
    beside: tuple[str, ...] = Field(
        (),
        description="Evaluations that the table and the plot show beside this one: their run folders, as "
        "runs/other or s3://bucket/runs/other.",
    )


class SolvabilitySettings(BaseModel):
    """The band of s that is kept."""

    keep_above: float = Field(0.0, ge=0, lt=1, description="Keep problems with a solvability above this …")
    keep_most: float = Field(0.46, gt=0, le=1, description="… and at most this (the paper's cut-off).")
    early_stop: bool = Field(
        False,
        description="Ask no further samples of a problem once it is decided whether it is kept. Its solvability is "
        "then estimated from fewer samples (docs/rollouts.md).",
    )
    early_stop_window: int = Field(
        8, ge=1, description="Samples of a problem asked side by side under --early-stop."
    )

    @model_validator(mode="after")
    def _is_a_band(self) -> Self:
        if self.keep_above >= self.keep_most:
            raise ValueError(f"--keep-above {self.keep_above:g} is not below --keep-most {self.keep_most:g}")
        return self

    @property
    def band(self) -> Band:
        return Band(self.keep_above, self.keep_most)
