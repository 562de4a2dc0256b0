"""What is to be estimated, and the prices that only the user knows."""

from __future__ import annotations

from pydantic import BaseModel, Field


class EstimatingSettings(BaseModel):
    """Which run was measured, and what for."""

    run: str = Field(
        min_length=1, description="The measured run: <output>/<run-id>, a folder or s3://bucket/prefix."
    )
    sequences: int | None = Field(
        None,
        ge=1,
        description="Selected sequences of the larger run. Default: those that the plan of this run selected.",
    )
    records: int = Field(
        20_000,
        ge=10,
        description="Most outcomes of the run that are read, drawn by the seed in whole segments.",
    )
    answer_tokens_per_second: float | None = Field(
        None,
        gt=0,
        description="Answer tokens that one GPU replica writes in a second at the run's load (vLLM's log says it).",
    )
    gpus_per_replica: int = Field(1, ge=1, description="GPUs of one such replica.")
    slots: int | None = Field(
        None,
        ge=1,
        description="Requests that all model servers together have in flight in the larger run, for its duration.",
    )
    gpu_hour: float = Field(0.0, ge=0, description="Price of a GPU for an hour.")
    core_hour: float = Field(0.0, ge=0, description="Price of a CPU core for an hour.")
    million_prompt_tokens: float = Field(
        0.0, ge=0, description="Price of a million prompt tokens (hosted models)."
    )
    million_answer_tokens: float = Field(0.0, ge=0, description="Price of a million answer tokens.")
    thousand_puts: float = Field(0.005, ge=0, description="Price of a thousand S3 writes (AWS: 0.005).")
    seed: int = Field(0, description="Seed of what is drawn.")
    json_file: str | None = Field(None, min_length=1, description="Write the figures here, too.")
