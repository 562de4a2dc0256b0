"""What every worker of Ray Train does: fetch the rows, go on from the last checkpoint, train, hand the model in."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs
import ray.train
import torch
from transformers import PreTrainedTokenizerBase, Trainer

from codeseq_ray.errors import InfrastructureError, TrainingEndedError
from codeseq_ray.pipeline.judging.inputs import filesystem
from codeseq_ray.pipeline.training.reporting import CHECKPOINT, Reporter
from codeseq_ray.pipeline.training.run import LOG
from codeseq_ray.settings import TrainSettings
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.run import RunStore
from codeseq_ray.training.finished import merged, write_card
from codeseq_ray.training.prepared import Prepared, fetch
from codeseq_ray.training.turns import open_tokenizer

MODEL, MERGED, TENSORBOARD = "model", "merged", "tensorboard"
"""Folders of a run."""
PART_BYTES = 64 << 20
"""Of a large file on its way to S3."""


@dataclass(frozen=True)
class Task:
    """What the driver hands to the workers."""

    settings: TrainSettings
    output: str
    """Where runs lie, as a whole path: workers stand in other folders than the driver."""
    run_id: str
    prepared: Prepared
    threads: int | None
    strategy: dict[str, Any] | None
    """What --strategy-config holds."""


@dataclass(frozen=True)
class Bench:
    """One worker's place to work."""

    task: Task
    run: RunStore
    folder: Path
    """On this node's disk, shared by its workers."""
    tokenizer: PreTrainedTokenizerBase
    resumed: Path | None
    """The checkpoint to go on from, on this disk."""
    held: ExitStack
    """Closed, the checkpoint's copy goes."""

    def files(self, part: str) -> list[str]:
        """Prepared files of a part, on this disk."""
        if self.first_here:
            fetch(self.run.store, self.run.key("prepared"), self.task.prepared, part, self.rows)
        self.wait()
        return [str(self.rows / name) for name in self.task.prepared.files[part]]

    @property
    def rows(self) -> Path:
        return self.folder / "rows"

    @property
    def trainer(self) -> Path:
        """The trainer's own folder."""
        return self.folder / "trainer"

    @property
    def first_here(self) -> bool:
        """Whether this worker acts for all of its node."""
        return bool(ray.train.get_context().get_local_rank() == 0)

    @property
    def first(self) -> bool:
        """Whether it acts for all."""
        return bool(ray.train.get_context().get_world_rank() == 0)

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        self.run.write_json(name, _finite(value))

    @staticmethod
    def wait() -> None:
        """For all other workers."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()


def bench(task: Task) -> Bench:
    """This worker's place, without what an earlier one left there."""
    if task.threads is not None:
        torch.set_num_threads(task.threads)
    settings = task.settings
    store = open_patiently(task.output, settings, lambda line: print(line, flush=True), look=False)
    run = RunStore(store, task.run_id)
    whose = hashlib.sha256(f"{run.uri}\x1f{os.getuid()}".encode()).hexdigest()[:12]
    held = ExitStack()
    checkpoint = ray.train.get_checkpoint()
    folder = Path(settings.scratch or tempfile.gettempdir()) / f"codeseq-training-{task.run_id}-{whose}"
    fetched = folder / "resumed"
    far = checkpoint is not None and not isinstance(checkpoint.filesystem, pafs.LocalFileSystem)
    held.callback(shutil.rmtree, fetched, ignore_errors=True)
    made = Bench(
        task,
        run,
        folder,
        open_tokenizer(settings.model, settings.model_revision),
        None if checkpoint is None else (fetched if far else Path(checkpoint.path)) / CHECKPOINT,
        held,
    )
    if made.first_here:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if checkpoint is not None and far:
            checkpoint.to_directory(str(fetched))
    made.wait()
    return made


def train(at: Bench, trainer: Trainer) -> None:
    """To the end, from the last checkpoint where there is one."""
    if trainer.accelerator.num_processes != at.task.settings.workers:
        raise TrainingEndedError(
            f"{at.task.settings.workers} workers do not train one model: accelerate sees "
            f"{trainer.accelerator.num_processes} of them"
        )
    if at.task.settings.strategy == "fsdp" and not trainer.is_fsdp_enabled:
        raise TrainingEndedError("--strategy fsdp is not in effect: every worker would hold the whole model")
    with at.held:
        if at.resumed is not None and _is_last(at.resumed):
            # transformers would make a step more before it looks at the count.
            trainer.args.max_steps, trainer.args.num_train_epochs = -1, 0
        # A copy of a checkpoint from S3 is as large as the model several times over: away with it once it is read.
        trainer.add_callback(Reporter(on_first_step=at.held.close, on_saved=lambda: _upload_logs(at)))
        trainer.train(resume_from_checkpoint=None if at.resumed is None else str(at.resumed))


def _is_last(checkpoint: Path) -> bool:
    told = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    return bool(told["global_step"] >= told["max_steps"])


def hand_in(at: Bench, trainer: Trainer) -> None:
    """The trained weights, with card and tokenizer, and what was logged. All workers take part: of a model in pieces
    each has some. Raises InfrastructureError when no weights came out."""
    settings, told = at.task.settings, at.task.prepared
    folder = at.folder / MODEL
    if trainer.is_fsdp_enabled:
        # Checkpoints may be in pieces; the model is for those who have other workers, or one.
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(folder))
    if at.first:
        if not list(folder.glob("*.safetensors")):
            raise InfrastructureError(
                f"the trainer saved no weights ({settings.strategy}): see --strategy-config"
            )
        at.tokenizer.save_pretrained(folder)
        write_card(folder, settings.public(), told, trainer.state.log_history)
        _upload(at, folder, MODEL)
        if settings.merge:
            _upload(at, merged(settings, folder, at.folder / MERGED), MERGED)
        _upload_logs(at)
        at.write_json(LOG, {"log": trainer.state.log_history})
    at.wait()
    if at.first_here:
        shutil.rmtree(at.folder, ignore_errors=True)


def _upload_logs(at: Bench) -> None:
    """TensorBoard's files: each start has one of its own."""
    if at.first and (logged := at.trainer / "runs").is_dir():
        _upload(at, logged, TENSORBOARD)


def _upload(at: Bench, folder: Path, name: str) -> None:
    fs, path = filesystem(at.run.uri)
    fs.create_dir(f"{path}/{name}", recursive=True)
    # One file after the other: pyarrow's threads and S3 do not go together (apache/arrow#32372).
    pafs.copy_files(
        str(folder), f"{path}/{name}", pafs.LocalFileSystem(), fs, chunk_size=PART_BYTES, use_threads=False
    )


def _finite(value: Any) -> Any:
    """Without numbers that JSON does not have: a loss that is none is null."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
