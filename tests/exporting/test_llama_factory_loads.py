"""LLaMA-Factory's own loader finds the export by its dataset_info.json, and reads every row of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from building import export, rows_of
from trainers import tiny_model

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("llamafactory", reason="llamafactory is not installed")


@pytest.fixture(scope="module")
def model(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tokenizer_folder, tmp_path_factory.mktemp("model"))


def arguments(model: Path, folder: Path, out: Path) -> dict[str, Any]:
    """As in a YAML file of `llamafactory-cli train`."""
    return {
        "model_name_or_path": str(model),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "dataset": "codeseq_sft",
        "dataset_dir": str(folder),
        "template": "qwen",
        "cutoff_len": 8192,
        "output_dir": str(out),
        "cache_dir": str(out / "cache"),
        "max_steps": 1,
        "per_device_train_batch_size": 1,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
    }


def test_the_loader_reads_every_row_and_learns_the_answer_alone(
    release: Path, model: Path, tmp_path: Path
) -> None:
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    export(release, "llama-factory", tmp_path / "x")
    model_args, data_args, training_args, *_ = get_train_args(
        arguments(model, tmp_path / "x", tmp_path / "out")
    )
    module = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(module["tokenizer"], data_args)
    read = get_dataset(template, model_args, data_args, training_args, stage="sft", **module)["train_dataset"]
    rows = rows_of(release, "sft")
    assert len(read) == len(rows)
    for item, row in zip(read, rows, strict=True):
        learnt = module["tokenizer"].decode([label for label in item["labels"] if label >= 0])
        user, assistant = (turn["content"] for turn in row["messages"])
        assert assistant in learnt
        assert user not in learnt
        assert user in module["tokenizer"].decode(item["input_ids"])


def test_a_step_of_its_trainer(release: Path, model: Path, tmp_path: Path) -> None:
    from llamafactory.train.tuner import run_exp

    export(release, "llama-factory", tmp_path / "x")
    run_exp(arguments(model, tmp_path / "x", tmp_path / "out"))
    assert (tmp_path / "out/train_results.json").is_file()
