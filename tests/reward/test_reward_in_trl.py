"""A step of TRL's real GRPOTrainer on rows of `rl`, read from Parquet, with this reward."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reward_problem import RIGHT, ROW, SOLVABILITY, WRONG
from reward_tiny import tiny_model, tiny_tokenizer

from codeseq_ray.dataset.rl import RL
from codeseq_ray.reward import trl as ours
from codeseq_ray.reward.scoring import RewardSettings, Score

pytest.importorskip("torch", reason="torch is not installed")
trl: Any = pytest.importorskip("trl", reason="trl is not installed")
datasets: Any = pytest.importorskip("datasets", reason="datasets is not installed")
pytestmark = pytest.mark.usefixtures("scorer")

GROUP = 4
WEIGHT = RewardSettings().cssr().weight(SOLVABILITY)
SAID = [f"f(5) = 120\n{RIGHT}", RIGHT, f"f(5) = 121\n{WRONG}", f"f(5) = 120\n{WRONG}"]
WORTH = [WEIGHT + 1, WEIGHT, 0.0, 1.0]


@pytest.fixture
def rows(tmp_path: Path) -> Any:
    given = {**ROW, "family": "A000142", "ability": "code", "policy": "m", "rollouts": 32, "passes": 8}
    given |= {"license": "CC-BY-SA-4.0", "attribution": "OEIS", "source_url": "https://oeis.org/A000142"}
    table = pa.Table.from_pylist([given, given], schema=RL)
    pq.write_table(table, tmp_path / "rl.parquet")
    return datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "rl.parquet"), split="train", cache_dir=tmp_path
    )


def trained(reward: Callable[..., Any], rows: Any, tmp_path: Path) -> tuple[dict[str, float], bool]:
    """What the trainer logged of one step, and whether it moved the model."""
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    arguments = trl.GRPOConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=GROUP,
        num_generations=GROUP,
        max_completion_length=24,
        learning_rate=1e-3,
        use_cpu=True,
        bf16=False,
        report_to=[],
        save_strategy="no",
        logging_steps=1,
    )
    trainer = trl.GRPOTrainer(
        model=model, reward_funcs=reward, args=arguments, train_dataset=rows, processing_class=tokenizer
    )
    assert trainer.train().global_step == 1
    moved = any((a != b).any() for a, b in zip(before, model.parameters(), strict=True))
    return trainer.state.log_history[0], bool(moved)


def spoken(reward: Callable[..., Any]) -> Callable[..., Any]:
    """The reward, of what a model that can write would have said: this one has seen nothing."""

    def instead(prompts: list[Any], completions: list[Any], **columns: Any) -> Any:
        assert completions[0][0]["role"] == "assistant"
        said = [[{"role": "assistant", "content": text}] for text in SAID]
        return reward(prompts=prompts, completions=said, **columns)

    return instead


def test_what_a_model_that_knows_nothing_says_is_worth_nothing(rows: Any, tmp_path: Path) -> None:
    log, moved = trained(ours.cssr_reward(workers=1), rows, tmp_path)
    assert log["reward"] == 0
    assert log["cssr/passed"] == 0
    assert not moved


def test_a_step_on_what_is_worth_something(rows: Any, tmp_path: Path) -> None:
    log, moved = trained(spoken(ours.cssr_reward(workers=1)), rows, tmp_path)
    assert log["reward"] == pytest.approx(sum(WORTH) / GROUP, abs=1e-5)
    assert log["cssr/passed"] == 0.5
    assert log["cssr/case_share"] == 0.5
    assert log["reward_std"] > 0
    assert moved


def test_the_asynchronous_one(rows: Any, tmp_path: Path) -> None:
    reward = ours.cssr_reward_async(workers=1)

    async def instead(prompts: list[Any], completions: list[Any], **columns: Any) -> Any:
        return await reward(prompts=prompts, completions=SAID, **columns)

    log, moved = trained(instead, rows, tmp_path)
    assert log["reward"] == pytest.approx(sum(WORTH) / GROUP, abs=1e-5)
    assert moved


def test_what_could_not_be_judged_is_left_out_of_the_mean(
    rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Half:
        def score_batch(self, batch: list[object]) -> list[Score]:
            return [Score(None, "infrastructure"), Score(2.0, "passed", passed=True)] * (len(batch) // 2)

    monkeypatch.setattr(ours, "scorer_here", lambda settings: Half())
    log, _ = trained(ours.cssr_reward(), rows, tmp_path)
    assert log["reward"] == 2
