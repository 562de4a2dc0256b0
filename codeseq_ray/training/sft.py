"""Supervised fine-tuning by TRL's SFTTrainer, on rows that are tokens already (`prepared.SAMPLES`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset
from transformers import PreTrainedTokenizerBase, TrainerCallback
from trl import SFTConfig, SFTTrainer

from codeseq_ray.training.model import adapter, arguments, open_model
from codeseq_ray.training.settings import SupervisedTraining

COLUMNS = ("input_ids", "labels")
"""What the trainer takes."""


def trainer(
    settings: SupervisedTraining,
    files: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    most_tokens: int,
    folder: Path,
    callbacks: Sequence[TrainerCallback],
) -> SFTTrainer:
    """A trainer over the prepared files, which are whole, within `most_tokens`, and say what the loss is of."""
    return SFTTrainer(
        model=open_model(settings),
        args=SFTConfig(
            **arguments(settings, folder),
            packing=settings.packing,
            max_length=most_tokens,
        ),
        train_dataset=rows_of(files, folder),
        processing_class=tokenizer,
        peft_config=adapter(settings),
        callbacks=list(callbacks),
    )


def rows_of(files: Sequence[str], folder: Path, columns: Sequence[str] = COLUMNS) -> Dataset:
    """Prepared rows, mapped from disk."""
    read = Dataset.from_parquet(list(files), cache_dir=str(folder / "cache"), columns=list(columns))
    assert isinstance(read, Dataset)
    return read
