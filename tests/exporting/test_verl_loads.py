"""verl's own readers take the exported files as they are: RLHFDataset, the SFT dataset, and its collation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from building import export, rows_of

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("verl", reason="verl is not installed")
transformers: Any = pytest.importorskip("transformers", reason="transformers is not installed")
omegaconf: Any = pytest.importorskip("omegaconf", reason="omegaconf is not installed")


@pytest.fixture
def tokenizer(tokenizer_folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(tokenizer_folder)


@pytest.mark.parametrize("name", ["rl", "eval"])
@pytest.mark.parametrize("with_rollouts", [False, True])
def test_the_rl_dataset_has_every_prompt_and_hands_on_what_the_reward_needs(
    name: str, with_rollouts: bool, release: Path, rollouts: Path, tokenizer: Any, tmp_path: Path
) -> None:
    from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

    export(release, "verl", tmp_path / "x", *(("--rollouts", str(rollouts)) if with_rollouts else ()))
    config = omegaconf.OmegaConf.create(
        {
            "cache_dir": str(tmp_path / "cache"),
            "max_prompt_length": 4096,
            "filter_overlong_prompts_workers": 1,
        }
    )
    read = RLHFDataset(str(tmp_path / "x" / f"{name}.parquet"), tokenizer, config)
    kept = rows_of(rollouts, "rl") if with_rollouts and name == "rl" else rows_of(release, "problems", name)
    assert len(read) == len(kept)
    rows = [read[i] for i in range(len(read))]
    for place, row in enumerate(rows):
        assert row["raw_prompt"][0]["role"] == "user"
        assert row["index"] == place
        assert row["data_source"] == "codeseq"
        truth = json.loads(row["reward_model"]["ground_truth"])
        assert truth["outputs"] == [case["output"] for case in _cases(kept[place])]
        assert row["extra_info"]["sequence_id"] == kept[place]["sequence_id"]
        assert json.loads(row["extra_info"]["known_cases"])["inputs"]
    assert tokenizer.apply_chat_template(rows[0]["raw_prompt"], add_generation_prompt=True)
    batch = collate_fn(rows[:2])
    assert len(batch["reward_model"]) == 2
    assert batch["extra_info"][1]["attribution"]


def _cases(row: dict[str, Any]) -> list[dict[str, str]]:
    if "cases" in row:
        return list(row["cases"])
    truth = json.loads(row["ground_truth"])
    return [{"output": output} for output in truth["outputs"]]


def test_the_sft_dataset_learns_the_answer_alone(release: Path, tokenizer: Any, tmp_path: Path) -> None:
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

    export(release, "verl", tmp_path / "x")
    config = {"max_length": 8192, "truncation": "error", "pad_mode": "no_padding"}
    read = MultiTurnSFTDataset(str(tmp_path / "x/sft.parquet"), tokenizer, omegaconf.OmegaConf.create(config))
    rows = rows_of(release, "sft")
    assert len(read) == len(rows)
    for place in (0, len(rows) - 1):
        item = read[place]
        learnt = item["input_ids"][item["loss_mask"].bool()]
        assert rows[place]["messages"][1]["content"] in tokenizer.decode(learnt)
        assert rows[place]["messages"][0]["content"] not in tokenizer.decode(learnt)
        assert rows[place]["messages"][0]["content"] in tokenizer.decode(item["input_ids"])
