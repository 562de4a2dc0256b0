"""The loss of rows that were kept back, each by itself, so that before and after can be compared row by row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy
from transformers import Trainer

from codeseq_ray.training.turns import UNTRAINED


def losses(trainer: Trainer, rows: Dataset) -> list[float]:
    """Mean loss over the trained tokens of each row, in the order of the rows; the same on every worker.

    Every worker takes its share, and all take part in every step: where a model lies in pieces, none can work alone.
    """
    accelerator, model = trainer.accelerator, trainer.model_wrapped
    loader = accelerator.prepare_data_loader(torch.utils.data.DataLoader(_AsTensors(rows), batch_size=1))
    found: list[float] = []
    was_training = model.training
    model.eval()
    with torch.no_grad(), trainer.compute_loss_context_manager():
        for batch in loader:
            logits = model(input_ids=batch["input_ids"]).logits[:, :-1].float()
            each = cross_entropy(
                logits.transpose(1, 2), batch["labels"][:, 1:], ignore_index=UNTRAINED, reduction="none"
            )
            counted = (batch["labels"][:, 1:] != UNTRAINED).sum(1)
            found += accelerator.gather_for_metrics(each.sum(1) / counted).tolist()
    model.train(was_training)
    return found


class _AsTensors(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    def __init__(self, rows: Dataset) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        row = self._rows[number]
        return {name: torch.tensor(row[name]) for name in ("input_ids", "labels")}


def origins_of(rows: Dataset, values: Sequence[float]) -> dict[str, list[float]]:
    """The values of each origin's rows, in their order."""
    found: dict[str, list[float]] = {}
    for origin, value in zip(rows["origin"], values, strict=True):
        found.setdefault(origin, []).append(value)
    return found
