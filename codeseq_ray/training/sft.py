"""Supervised fine-tuning by TRL's SFTTrainer, on rows that are tokens already (`prepared.SAMPLES`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from codeseq_ray.training.model import adapter, arguments, open_model
from codeseq_ray.training.settings import SupervisedTraining

COLUMNS = ("input_ids", "labels")
"""What the trainer takes."""


def trainer(
    settings: SupervisedTraining,
    strategy: Mapping[str, Any] | None,
    files: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    most_tokens: int,
    folder: Path,
) -> SFTTrainer:
    """A trainer over the prepared files, whose rows are whole, within `most_tokens`, and say what the loss is of."""
    args = SFTConfig(
        **arguments(settings, strategy, folder), packing=settings.packing, max_length=most_tokens
    )
    return SFTTrainer(
        model=open_model(settings),
        args=args,
        train_dataset=rows_of(files, folder),
        processing_class=tokenizer,
        peft_config=adapter(settings),
    )


def rows_of(files: Sequence[str], folder: Path, columns: Sequence[str] = COLUMNS) -> Dataset:
    """Prepared rows, mapped from disk."""
    read = Dataset.from_parquet(list(files), cache_dir=str(folder / "cache"), columns=list(columns))
    assert isinstance(read, Dataset)
    return read
