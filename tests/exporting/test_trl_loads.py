"""TRL takes the exported files as they are: one step of its SFT trainer, and of its GRPO trainer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from building import export
from trainers import tiny_model

pytest.importorskip("torch", reason="torch is not installed")
trl: Any = pytest.importorskip("trl", reason="trl is not installed")
datasets: Any = pytest.importorskip("datasets", reason="datasets is not installed")


@pytest.fixture(scope="module")
def model(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tokenizer_folder, tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("flags", [(), ("--format", "parquet"), ("--prompt-completion",)])
def test_a_step_of_the_sft_trainer(
    flags: tuple[str, ...], release: Path, rollouts: Path, model: Path, tmp_path: Path
) -> None:
    export(release, "trl", tmp_path / "x", *flags)
    rows = datasets.load_dataset(str(tmp_path / "x"), "sft", split="train", cache_dir=str(tmp_path / "cache"))
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=2,
        max_length=512,
        use_cpu=True,
        bf16=False,
        report_to=[],
        save_strategy="no",
        logging_steps=1,
    )
    trainer = trl.SFTTrainer(model=str(model), args=arguments, train_dataset=rows)
    result = trainer.train()
    assert result.global_step == 1
    assert 0 < result.training_loss < 20
    if flags == ("--prompt-completion",):
        batch = next(iter(trainer.get_train_dataloader()))
        labels = batch["labels"]
        assert (labels == -100).any()  # the prompt is not learnt
        assert (labels != -100).any()


@pytest.mark.parametrize("with_rollouts", [False, True])
def test_a_step_of_the_grpo_trainer_whose_reward_gets_every_column(
    with_rollouts: bool, release: Path, rollouts: Path, model: Path, tmp_path: Path
) -> None:
    export(release, "trl", tmp_path / "x", *(("--rollouts", str(rollouts)) if with_rollouts else ()))
    rows = datasets.load_dataset(str(tmp_path / "x"), "rl", split="train", cache_dir=str(tmp_path / "cache"))
    seen: list[dict[str, Any]] = []

    def reward(completions: list[Any], ground_truth: list[str], **columns: Any) -> list[float]:
        for place, truth in enumerate(ground_truth):
            told = json.loads(truth)
            assert len(told["inputs"]) == len(told["outputs"]) >= 5
            seen.append({name: columns[name][place] for name in ("solvability", "known_cases", "examples")})
        return [float(len(str(completion)) % 7) for completion in completions]

    arguments = trl.GRPOConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=2,
        num_generations=2,
        max_completion_length=8,
        use_cpu=True,
        bf16=False,
        report_to=[],
        save_strategy="no",
    )
    trainer = trl.GRPOTrainer(model=str(model), reward_funcs=reward, args=arguments, train_dataset=rows)
    assert trainer.train().global_step == 1
    assert seen
    assert {row["solvability"] for row in seen} == {0.25 if with_rollouts else None}
    assert all(json.loads(row["known_cases"])["inputs"] for row in seen)
