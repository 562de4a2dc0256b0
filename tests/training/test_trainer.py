"""Our settings in TRL's trainer: rows in one pack do not see each other, those kept back have their own loss."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from codeseq_ray.store import parquet
from codeseq_ray.training.prepared import SAMPLES
from codeseq_ray.training.settings import SupervisedTraining
from codeseq_ray.training.turns import UNTRAINED, open_tokenizer

ROWS = [
    {
        "id": str(n),
        "origin": "codeseq",
        "input_ids": [9 + n, *range(20, 30 + n)],
        "labels": [UNTRAINED] * 4 + list(range(23, 30 + n)),
    }
    for n in range(6)
]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    path = tmp_path / "rows.parquet"
    path.write_bytes(parquet.encode(ROWS, SAMPLES))
    return [str(path)]


def trainer(model: Path, files: list[str], folder: Path, **given: Any) -> Any:
    from codeseq_ray.training import sft

    settings = SupervisedTraining(model=str(model), dataset="-", accumulate=1, log_steps=1, **given)
    return sft.trainer(settings, None, files, open_tokenizer(str(model)), 64, folder)


def own_losses(model: Any) -> list[float]:
    """Of each row by itself, straight from the model."""
    import torch

    found = []
    for row in ROWS:
        with torch.no_grad():
            out = model(input_ids=torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]]))
        found.append(out.loss.item())
    return found


def one_text_loss(model: Any) -> float:
    """Of all rows as one text, in which each sees those before it."""
    import torch

    ids, labels = (
        torch.tensor([[one for row in ROWS for one in row[name]]]) for name in ("input_ids", "labels")
    )
    with torch.no_grad():
        return float(model(input_ids=ids, labels=labels).loss)


def test_the_loss_of_each_row_kept_back_is_its_own(model: Path, files: list[str], tmp_path: Path) -> None:
    from codeseq_ray.training.losses import losses, origins_of
    from codeseq_ray.training.sft import rows_of

    made = trainer(model, files, tmp_path)
    rows = rows_of(files, tmp_path, ["origin", "input_ids", "labels"])
    found = losses(made, rows)
    assert found == pytest.approx(own_losses(made.model), rel=1e-4)
    assert origins_of(rows, found) == {"codeseq": found}
    assert made.model.training


def test_rows_in_one_pack_do_not_see_each_other(model: Path, files: list[str], tmp_path: Path) -> None:
    """The first step's loss over a pack of all rows is the token-wise mean of the rows' own losses."""
    made = trainer(model, files, tmp_path, packing=True, max_steps=1, batch_size=2)
    assert len(made.train_dataset) < len(ROWS)
    tokens = [sum(label != UNTRAINED for label in row["labels"][1:]) for row in ROWS]
    expected = sum(loss * n for loss, n in zip(own_losses(made.model), tokens, strict=True)) / sum(tokens)
    assert one_text_loss(made.model) != pytest.approx(expected, rel=1e-2)
    made.train()
    assert made.state.log_history[0]["loss"] == pytest.approx(expected, rel=1e-3)


def test_only_the_adapter_is_trained_under_lora_and_everything_without(
    model: Path, files: list[str], tmp_path: Path
) -> None:
    lora = trainer(model, files, tmp_path / "lora").model
    assert all("lora_" in name for name, one in lora.named_parameters() if one.requires_grad)
    full = trainer(model, files, tmp_path / "full", method="full").model
    assert all(one.requires_grad for one in full.parameters())


def test_an_adapter_merged_in_says_what_base_and_adapter_say(
    model: Path, files: list[str], tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from codeseq_ray.training.finished import merged

    made = trainer(model, files, tmp_path, max_steps=3, learning_rate=0.05, packing=False)
    made.train()
    made.save_model(str(tmp_path / "adapter"))
    open_tokenizer(str(model)).save_pretrained(tmp_path / "adapter")
    settings = SupervisedTraining(model=str(model), dataset="-")
    whole = AutoModelForCausalLM.from_pretrained(merged(settings, tmp_path / "adapter", tmp_path / "merged"))
    ids = torch.tensor([ROWS[0]["input_ids"]])
    with torch.no_grad():
        trained = made.model(input_ids=ids).logits
        assert torch.allclose(whole(input_ids=ids).logits, trained, atol=1e-4)
        base = AutoModelForCausalLM.from_pretrained(model)
        assert not math.isclose((base(input_ids=ids).logits - trained).abs().max().item(), 0, abs_tol=1e-3)


def test_a_resumed_training_meets_the_problems_in_the_order_of_one_that_was_not(
    model: Path, tmp_path: Path
) -> None:
    from codeseq_ray.training import grpo
    from codeseq_ray.training.problems import PROBLEMS
    from codeseq_ray.training.settings import ReinforcementTraining

    path = tmp_path / "rl.parquet"
    turns = [{"role": "user", "content": "?"}]
    rows = [
        dict.fromkeys(PROBLEMS.names, "{}") | {"prompt": turns, "solvability": 0.1, "problem_id": str(n)}
        for n in range(9)
    ]
    path.write_bytes(parquet.encode(rows, PROBLEMS))
    settings = ReinforcementTraining(model=str(model), dataset="-", generations=2, accumulate=2)

    def orders(epochs: int, folder: str) -> list[list[int]]:
        tokenizer = open_tokenizer(str(model))
        made = grpo.trainer(
            settings, None, [str(path)], tokenizer, lambda **_: [], tmp_path / folder, epochs=epochs
        )
        sampler = made._get_train_sampler()
        return [list(sampler) for _ in range(3)]

    fresh, resumed = orders(0, "fresh"), orders(1, "resumed")
    assert fresh[0] != fresh[1]
    assert resumed[:2] == fresh[1:]
