"""How sequences are worked on."""

from __future__ import annotations

from pydantic import BaseModel, Field


class SynthesisSettings(BaseModel):
    """How a problem is judged and how often a program may be corrected."""

    agent_filter: bool = Field(
        True,
        description="Let the working agent judge each entry first, with one reflection (as the papers do). "
        "Only models do; the built-in agents keep all.",
    )
    corrections: int = Field(
        5, ge=0, le=50, description="Rounds of correction before a program is given up (the papers: 5)."
    )
    fresh_start_after: int | None = Field(
        None,
        ge=0,
        description="After so many failed corrections in a row, a model writes the program anew from the "
        "problem alone. Default: never, as in the papers.",
    )
    candidates: int = Field(
        1,
        ge=1,
        le=64,
        description="Programs that a model is asked for in each round, side by side; the first that passes wins.",
    )
    validations: int = Field(
        2,
        ge=1,
        le=10,
        description="Tries that the guiding agent has to work the examples out (the papers: 2).",
    )
    cpu_seconds: float = Field(
        4.0, gt=0, description="CPU seconds that a program has per case, by its own clock."
    )
    memory_mb: int = Field(512, ge=64, description="Memory that a program may use, in MiB.")
    output_bytes: int = Field(1 << 20, ge=1, description="Bytes that a program may print per case.")
    mutants: int = Field(
        6,
        ge=0,
        le=1000,
        description="Mutants of each accepted program that are run on its hidden cases, at most: the share that "
        "these find says how strong they are. 0: none.",
    )
    paraphrases: int = Field(
        0,
        ge=0,
        le=100,
        description="Tellings in other words of each accepted problem of the split `sft`, by a model, each solved "
        "and judged like the first (the papers' authors: 5).",
    )
    paraphrase_answers: int = Field(
        1, ge=1, le=100, description="Programs asked for to each paraphrase (the papers' authors: 4)."
    )
    seed: int = Field(0, description="Seed of every drawn choice: dropped terms, splits, samples.")
