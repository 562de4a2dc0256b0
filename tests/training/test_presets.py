"""Presets load as settings, and say of every figure whose it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeseq_ray.errors import UsageError
from codeseq_ray.settings import GrpoSettings, SftSettings, TrainSettings, load

PRESETS = Path(__file__).parents[2] / "jobs" / "presets"
TRAININGS = [path for path in sorted(PRESETS.glob("*.yaml")) if not path.name.startswith("verl")]


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_a_preset_loads_as_settings(path: Path) -> None:
    schema: type[TrainSettings] = SftSettings if path.stem.endswith("sft") else GrpoSettings
    begins_from = [] if "model" in yaml.safe_load(path.read_text()) else ["--model", "runs/sft/model"]
    argv = ["--config", str(path), "--dataset", "d", *begins_from]
    settings = load(argv, schema=schema, program="train")
    for name, value in yaml.safe_load(path.read_text()).items():
        assert getattr(settings, name) == value


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_every_figure_says_whose_it_is(path: Path) -> None:
    for line in path.read_text().splitlines():
        if line and not line.startswith("#") and not line.startswith("strategy_config"):
            assert re.search(r"# \[(paper|authors|ours)\]", line), line


def test_the_verl_configuration_is_the_same_training() -> None:
    ours: dict[str, Any] = yaml.safe_load((PRESETS / "qwen2.5-7b-grpo.yaml").read_text())
    verl: dict[str, Any] = yaml.safe_load((PRESETS / "verl-grpo.yaml").read_text())
    rollout, actor = verl["actor_rollout_ref"]["rollout"], verl["actor_rollout_ref"]["actor"]
    reward = verl["reward"]["custom_reward_function"]["reward_kwargs"]
    step = ours["workers"] * ours["batch_size"] * ours["accumulate"]
    assert rollout["n"] == ours["generations"]
    assert verl["data"]["train_batch_size"] == step / ours["generations"]
    assert verl["data"]["max_response_length"] == ours["completion_tokens"]
    assert verl["data"]["max_prompt_length"] == ours["prompt_tokens"]
    assert rollout["temperature"] == ours["temperature"]
    assert actor["optim"]["lr"] == ours["learning_rate"]
    assert actor["clip_ratio"] == ours["clip"]
    assert verl["trainer"]["save_freq"] == ours["save_steps"]
    assert (reward["form"], reward["epsilon"], reward["case_weight"]) == (
        ours["reward_form"],
        ours["reward_epsilon"],
        ours["reward_case_weight"],
    )


@pytest.mark.parametrize(
    ("schema", "argv", "said"),
    [
        (SftSettings, ["--strategy", "deepspeed"], "needs --strategy-config"),
        (SftSettings, ["--strategy-config", "x.json"], "goes with --strategy"),
        (SftSettings, ["--method", "full", "--merge"], "goes with --method lora"),
        (GrpoSettings, ["--generations", "8", "--accumulate", "4"], "no whole groups"),
        (GrpoSettings, ["--vllm", "server"], "go together"),
    ],
)
def test_settings_that_make_no_training_are_refused(
    schema: type[TrainSettings], argv: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        load(["--model", "m", "--dataset", "d", *argv], schema=schema, program="train")
