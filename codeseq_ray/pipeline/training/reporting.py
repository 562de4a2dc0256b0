"""What a trainer tells Ray Train: figures as they come, and checkpoints, which go to the run's store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray.train
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

CHECKPOINT = "checkpoint"
"""Folder of the trainer's own files in a checkpoint of Ray Train."""


class Reporter(TrainerCallback):
    """Called on every worker, as Ray Train wants a report of all of them at once."""

    def __init__(self, on_first_step: Callable[[], None], on_saved: Callable[[], None]) -> None:
        self._on_first_step, self._on_saved = on_first_step, on_saved

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._on_first_step()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        ray.train.report({"step": state.global_step, "of": state.max_steps, **(logs or {})})

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if torch.distributed.is_initialized():
            torch.distributed.barrier()  # every worker has written its part
        # Workers of a node write into one folder; of several nodes, each has a part.
        ours = args.local_process_index <= 0
        last = get_last_checkpoint(args.output_dir) if ours else None
        checkpoint, whole = None, Path(str(args.output_dir)) / f"report-{state.global_step}"
        if last is not None:
            shutil.rmtree(whole, ignore_errors=True)
            shutil.copytree(last, whole / CHECKPOINT, copy_function=_linked)
            checkpoint = ray.train.Checkpoint.from_directory(str(whole))
        told = {"step": state.global_step, "of": state.max_steps}
        ray.train.report(told, checkpoint=checkpoint, checkpoint_dir_name=f"step-{state.global_step:07}")
        if last is not None:
            shutil.rmtree(whole, ignore_errors=True)
            # transformers clears up on the first node alone.
            for other in Path(str(args.output_dir)).glob("checkpoint-*"):
                if other != Path(last):
                    shutil.rmtree(other, ignore_errors=True)
        self._on_saved()


def _linked(source: str, target: str) -> None:
    Path(target).hardlink_to(source)
