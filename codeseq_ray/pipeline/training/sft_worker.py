"""A worker's part of supervised fine-tuning. Imported on workers only."""

from __future__ import annotations

from typing import Any, cast

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from codeseq_ray.pipeline.training.run import AFTER, BEFORE
from codeseq_ray.pipeline.training.worker import Bench, Task, bench, hand_in, train
from codeseq_ray.settings import SftSettings
from codeseq_ray.training.losses import losses, origins_of
from codeseq_ray.training.prepared import HELD_OUT, TRAIN
from codeseq_ray.training.sft import rows_of, trainer
from codeseq_ray.training.turns import longest


def work(task: Task) -> None:
    at = bench(task)
    settings = cast(SftSettings, task.settings)
    most = longest(at.tokenizer, settings.max_tokens)
    made = trainer(settings, task.strategy, at.files(TRAIN), at.tokenizer, most, at.trainer)
    if held_out := at.files(HELD_OUT):
        made.add_callback(Measuring(at, made, held_out))
    train(at, made)
    hand_in(at, made)


class Measuring(TrainerCallback):
    """The loss of each row that was kept back, before the first step and after the last: both times inside the
    training, where the model lies on its devices, in the numbers that it is trained in."""

    def __init__(self, at: Bench, trainer: Trainer, files: list[str]) -> None:
        self._at, self._trainer = at, trainer
        self._rows = rows_of(files, at.folder, ["origin", "input_ids", "labels"])

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step == 0:
            self._measure(BEFORE)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._measure(AFTER)

    def _measure(self, name: str) -> None:
        found = losses(self._trainer, self._rows)
        if self._at.first:
            self._at.write_json(name, {"losses": origins_of(self._rows, found)})
