"""What every worker of Ray Train does: fetch the rows, go on from the last checkpoint, train, hand the model in."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow.fs as pafs
import ray.train
import torch
from transformers import PreTrainedTokenizerBase, Trainer

from codeseq_ray.pipeline.judging.inputs import filesystem
from codeseq_ray.pipeline.training.reporting import CHECKPOINT, Reporter
from codeseq_ray.settings import TrainSettings
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.run import RunStore
from codeseq_ray.training.finished import merged, write_card
from codeseq_ray.training.prepared import Prepared, fetch
from codeseq_ray.training.turns import open_tokenizer

MODEL, MERGED, TENSORBOARD = "model", "merged", "tensorboard"
"""Folders of a run."""


@dataclass(frozen=True)
class Task:
    """What the driver hands to the workers."""

    settings: TrainSettings
    output: str
    run_id: str
    prepared: Prepared
    threads: int


@dataclass(frozen=True)
class Bench:
    """One worker's place to work."""

    task: Task
    run: RunStore
    folder: Path
    """On this node's disk, shared by its workers."""
    tokenizer: PreTrainedTokenizerBase

    def files(self, part: str) -> list[str]:
        """Prepared files of a part, on this disk."""
        paths: list[str] = []
        if self.first_here:
            paths = fetch(self.run.store, self.run.key("prepared"), self.task.prepared, part, self.rows)
        self.wait()
        return paths or [str(self.rows / name) for name in self.task.prepared.files[part]]

    @property
    def rows(self) -> Path:
        return self.folder / "rows"

    @property
    def first_here(self) -> bool:
        return bool(ray.train.get_context().get_local_rank() == 0)

    @property
    def first(self) -> bool:
        return bool(ray.train.get_context().get_world_rank() == 0)

    @staticmethod
    def wait() -> None:
        """For all other workers."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()


def bench(task: Task) -> Bench:
    torch.set_num_threads(task.threads)
    settings = task.settings
    store = open_patiently(task.output, settings, lambda line: print(line, flush=True))
    made = Bench(
        task,
        RunStore(store, task.run_id),
        Path(tempfile.gettempdir()) / f"codeseq-training-{task.run_id}",
        open_tokenizer(settings.model, settings.model_revision),
    )
    if made.first_here:
        shutil.rmtree(made.folder, ignore_errors=True)  # of a worker that died here
        made.folder.mkdir(parents=True)
    made.wait()
    return made


def train(at: Bench, trainer: Trainer) -> None:
    """To the end, from the last checkpoint where there is one; then the model goes to the run's store."""
    trainer.add_callback(Reporter())
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        trainer.train()
    else:
        with checkpoint.as_directory() as folder:
            trainer.train(resume_from_checkpoint=str(Path(folder) / CHECKPOINT))


def hand_in(at: Bench, trainer: Trainer) -> None:
    """The trained weights, with card and tokenizer, and what was logged. All workers take part: of a model in pieces
    each has some."""
    settings, told = at.task.settings, at.task.prepared
    folder = at.folder / MODEL
    trainer.save_model(str(folder))
    if at.first:
        at.tokenizer.save_pretrained(folder)
        write_card(folder, settings.public(), told, trainer.state.log_history)
        _upload(at, folder, MODEL)
        if settings.merge:
            _upload(at, merged(settings, folder, at.folder / MERGED), MERGED)
        if (logged := at.folder / "trainer" / "runs").is_dir():
            _upload(at, logged, TENSORBOARD)
        at.run.write_json("log.json", {"log": trainer.state.log_history})
    at.wait()
    if at.first_here:
        shutil.rmtree(at.folder, ignore_errors=True)


def _upload(at: Bench, folder: Path, name: str) -> None:
    fs, path = filesystem(at.run.uri)
    fs.create_dir(f"{path}/{name}", recursive=True)
    pafs.copy_files(str(folder), f"{path}/{name}", pafs.LocalFileSystem(), fs)
