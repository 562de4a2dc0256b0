"""What is exported, for whom, and which rows are left out."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

To = Literal["trl", "verl", "llama-factory", "jsonl", "hub-folder"]
TARGETS: tuple[str, ...] = get_args(To)


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return [text.strip() for text in value.split(",") if text.strip()]
    return value


Files = Annotated[tuple[str, ...], BeforeValidator(_split), NoDecode]
"""Several names in one text, separated by commas: as on the command line, so in the environment."""


class ExportingSettings(BaseModel):
    dataset: str = Field(
        min_length=1,
        description="The release: a folder or s3://bucket/prefix with a manifest.json; or a run's, for its latest.",
    )
    rollouts: str | None = Field(
        None,
        min_length=1,
        description="A release of jobs/rollouts.py: its `rl` rows, with their solvability, are exported. Default: "
        "all problems of the release's split `rl`, without one.",
    )
    to: To = Field(description="Who is to read it.")
    output: str = Field(min_length=1, description="Folder or s3://bucket/prefix that the export becomes.")
    overwrite: bool = Field(False, description="Replace an export that is there.")
    format: Literal["jsonl", "parquet"] | None = Field(
        None, description="Files of the target trl. Default: jsonl. The other targets have one format each."
    )
    prompt_completion: bool = Field(
        False,
        description="SFT rows for trl as `prompt` and `completion` instead of `messages`: its trainer then takes the "
        "loss of the answer alone.",
    )
    tokenizer: str | None = Field(
        None,
        min_length=1,
        description="Count tokens with this: a tokenizer.json, a model's folder that holds one (its chat template is "
        "counted too), or a model's name on the Hub.",
    )
    max_tokens: int | None = Field(
        None,
        ge=1,
        description="Leave out rows with more tokens than this: of an SFT row's turns together, of the prompt "
        "elsewhere. left_out.jsonl names each.",
    )
    max_prompt_tokens: int | None = Field(
        None, ge=1, description="Leave out rows whose prompt has more tokens than this."
    )
    against: Files = Field(
        (),
        description="Benchmarks (.jsonl, .parquet), separated by commas: problems that share 13 words in a row with "
        "one of their texts are reported, in overlap.jsonl.",
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.to != "trl":
            if self.format is not None:
                raise ValueError(f"--format is for --to trl; {self.to} has one format")
            if self.prompt_completion:
                raise ValueError(f"--prompt-completion is for --to trl; {self.to} reads messages")
        if self.limited and self.tokenizer is None:
            raise ValueError("--max-tokens and --max-prompt-tokens need --tokenizer to count with")
        if self.limited and self.to == "hub-folder":
            raise ValueError("a hub folder holds the release's own files: no row can be left out of it")
        return self

    @property
    def limited(self) -> bool:
        return self.max_tokens is not None or self.max_prompt_tokens is not None
