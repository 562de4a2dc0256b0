"""A worker's part of supervised fine-tuning. Imported on workers only."""

from __future__ import annotations

from typing import cast

import ray.train
from transformers import Trainer

from codeseq_ray.pipeline.training.worker import Bench, Task, bench, hand_in, train
from codeseq_ray.settings import SftSettings
from codeseq_ray.training.losses import losses, origins_of
from codeseq_ray.training.prepared import HELD_OUT, TRAIN
from codeseq_ray.training.sft import rows_of, trainer
from codeseq_ray.training.turns import longest

BEFORE, AFTER = "held-out-before.json", "held-out-after.json"


def work(task: Task) -> None:
    at = bench(task)
    settings = cast(SftSettings, task.settings)
    most = longest(at.tokenizer, settings.max_tokens)
    made = trainer(settings, at.files(TRAIN), at.tokenizer, most, at.folder / "trainer", [])
    if ray.train.get_checkpoint() is None:
        _measure(at, made, BEFORE)
    train(at, made)
    _measure(at, made, AFTER)
    hand_in(at, made)


def _measure(at: Bench, made: Trainer, name: str) -> None:
    """The loss of each row that was kept back, by origin."""
    files = at.files(HELD_OUT)
    if not files:
        return
    rows = rows_of(files, at.folder, ["origin", "input_ids", "labels"])
    found = losses(made, rows)
    if at.first:
        at.run.write_json(name, {"losses": origins_of(rows, found)})
