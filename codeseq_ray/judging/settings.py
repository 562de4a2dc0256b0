"""Settings of the judge as a job of its own."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class JudgingSettings(BaseModel):
    """What to judge, where the answers go, and how programs are run."""

    input: str = Field(
        min_length=1,
        description="Rows to judge: a .jsonl, .jsonl.gz, .json (one row per line) or .parquet file, or a folder of "
        "such files; local or s3://bucket/key.",
    )
    output: str = Field(
        min_length=1,
        description="Answers: one .jsonl or .parquet file, which appears when all is done, or a folder of part "
        "files, which a further start goes on with; local or s3://bucket/key.",
    )
    format: Literal["jsonl", "parquet"] | None = Field(
        None,
        description="Kind of the part files where the output is a folder. Default: jsonl.",
        json_schema_extra={"row": True},
    )
    overwrite: bool = Field(False, description="Replace the output file if there is one.")
    confirm: bool = Field(
        True,
        description="Run what passed again: a process per case, other order, other hash seed.",
        json_schema_extra={"row": True},
    )
    cpu_seconds: float = Field(
        4.0,
        gt=0,
        le=3600,
        description="CPU seconds that a program has per case, by its own clock.",
        json_schema_extra={"row": True},
    )
    program_cpu_seconds: float | None = Field(
        None,
        gt=0,
        le=36000,
        description="CPU seconds that a program has for all of its cases together. Default: no bound but the other.",
        json_schema_extra={"row": True},
    )
    memory_mb: int = Field(
        512,
        ge=16,
        le=1 << 20,
        description="Memory that a program may take, in MiB, beyond what its interpreter has.",
        json_schema_extra={"row": True},
    )
    output_bytes: int = Field(
        1 << 20,
        ge=1,
        le=1 << 30,
        description="Bytes that a program may print per case.",
        json_schema_extra={"row": True},
    )
    recursion: int = Field(
        1000,
        ge=50,
        le=1_000_000,
        description="Python's recursion limit when a program starts; it may raise it.",
        json_schema_extra={"row": True},
    )
    allow_unconfined: bool = Field(
        False,
        description="Where the kernel lacks the walls (macOS), run programs under rlimits alone. Only for programs "
        "that you trust; the answers are marked as not publishable.",
        json_schema_extra={"row": True},
    )
    local_cpus: int | None = Field(
        None, ge=1, description="CPUs of the local Ray that is started where no cluster runs. Default: all."
    )
    log_seconds: float = Field(30.0, gt=0, description="Seconds between two progress lines.")
