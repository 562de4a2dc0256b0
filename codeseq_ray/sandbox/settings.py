"""What kind of interpreter untrusted programs run in, and what may be missing around it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Profile = Literal["standard", "scientific"]
"""What a program can import: the standard library, as far as it is of use without files, network and processes; or
that, numpy and sympy. Everything is loaded before the fork: a program opens no file."""


class SandboxSettings(BaseModel):
    """The sandbox of one process; hashable, as a worker keeps one executor for each."""

    model_config = ConfigDict(frozen=True)

    profile: Profile = Field(
        "standard",
        description="What programs can import: the standard library, or numpy and sympy besides.",
        json_schema_extra={"row": True},
    )
    python: str | None = Field(
        None,
        description="Interpreter that programs run in: path of a CPython, 3.11 or newer, on every node. "
        "Default: the one that runs this.",
    )
    allow_without_landlock: bool = Field(
        False,
        description="Run programs of models where the kernel has no Landlock, behind seccomp and rlimits alone.",
    )
