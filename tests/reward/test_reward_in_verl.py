"""verl's own reward workers and managers load the reward by its configuration and score responses with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from reward_problem import COLUMNS, RIGHT, ROW, SOLVABILITY, WRONG
from reward_tiny import tiny_tokenizer

from codeseq_ray.errors import InfrastructureError
from codeseq_ray.reward import verl as ours
from codeseq_ray.reward.scoring import RewardSettings, Score

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("verl", reason="verl is not installed")
omegaconf: Any = pytest.importorskip("omegaconf", reason="omegaconf is not installed")
pytestmark = pytest.mark.usefixtures("scorer")

WEIGHT = RewardSettings().cssr().weight(SOLVABILITY)
SAID = [f"f(5) = 120\n{RIGHT}", RIGHT, f"f(5) = 121\n{WRONG}", f"f(5) = 120\n{WRONG}"]
WORTH = [WEIGHT + 1, WEIGHT, 0.0, 1.0]


def config(folder: Path, **settings: Any) -> Any:
    """The part of verl's configuration that its reward worker reads, as its documentation sets it."""
    return omegaconf.OmegaConf.create(
        {
            "actor_rollout_ref": {"model": {"path": str(folder), "tokenizer_path": None}},
            "reward": {
                "custom_reward_function": {
                    "path": "pkg://codeseq_ray.reward.verl",
                    "name": "compute_score",
                    "reward_kwargs": {"workers": 1, **settings},
                },
                "reward_manager": {"source": "register", "name": "naive"},
                "reward_model": {"enable": False},
            },
        }
    )


def responses(tokenizer: Any, texts: list[str]) -> Any:
    """A batch as the rollout leaves it: prompts padded on the left, responses on the right."""
    import numpy as np
    from verl import DataProto

    prompt = tokenizer("Print n!")["input_ids"]
    said = [tokenizer(text)["input_ids"] for text in texts]
    longest = max(map(len, said))
    padded = [ids + [tokenizer.pad_token_id] * (longest - len(ids)) for ids in said]
    mask = [[1] * (len(prompt) + len(ids)) + [0] * (longest - len(ids)) for ids in said]
    return DataProto.from_dict(
        {
            "prompts": torch.tensor([prompt] * len(texts)),
            "responses": torch.tensor(padded),
            "attention_mask": torch.tensor(mask),
        },
        {
            "data_source": np.array(["codeseq"] * len(texts), dtype=object),
            "reward_model": np.array([ROW["reward_model"]] * len(texts), dtype=object),
            "extra_info": np.array([dict(ROW["extra_info"]) for _ in texts], dtype=object),
        },
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text('{"model_type": "qwen2"}')
    return tmp_path / "model"


async def test_the_reward_worker_scores_a_batch(folder: Path) -> None:
    from verl.experimental.reward_loop import RewardLoopWorker

    worker = getattr(RewardLoopWorker, "__ray_actor_class__", RewardLoopWorker)(config(folder))
    told = await worker.compute_score_batch(responses(worker.input_tokenizer, SAID))
    assert [one["reward_score"] for one in told] == [pytest.approx(worth) for worth in WORTH]
    first = told[0]["reward_extra_info"]
    assert (first["acc"], first["n_cases"], first["n_true"], first["verdict"]) == (1.0, 1, 1, "passed")
    assert len({tuple(one["reward_extra_info"]) for one in told}) == 1  # verl makes columns of them
    scores = worker.reward_manager.assemble_rm_scores(
        responses(worker.input_tokenizer, SAID), [one["reward_score"] for one in told]
    )
    assert scores.sum(dim=1).tolist() == [pytest.approx(worth, abs=1e-5) for worth in WORTH]


async def test_a_form_comes_from_the_configuration(folder: Path) -> None:
    from verl.experimental.reward_loop import RewardLoopWorker

    worker = getattr(RewardLoopWorker, "__ray_actor_class__", RewardLoopWorker)(
        config(folder, form="multiplicative")
    )
    told = await worker.compute_score_batch(responses(worker.input_tokenizer, SAID[:1]))
    assert told[0]["reward_score"] == pytest.approx(2 * WEIGHT)


async def test_trouble_reaches_the_trainer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from verl.experimental.reward_loop import RewardLoopWorker

    class Busy:
        def score(self, *_: object) -> Score:
            return Score(None, "infrastructure", "the machine is busy")

    monkeypatch.setattr(ours, "scorer_here", lambda settings: Busy())
    worker = getattr(RewardLoopWorker, "__ray_actor_class__", RewardLoopWorker)(config(folder))
    with pytest.raises(InfrastructureError, match="the machine is busy"):
        await worker.compute_score_batch(responses(worker.input_tokenizer, SAID[:1]))


def test_the_manager_of_earlier_versions() -> None:
    from verl.workers.reward_manager import get_reward_manager_cls

    tokenizer = tiny_tokenizer()
    manager = get_reward_manager_cls("naive")(tokenizer, num_examine=0, compute_score=ours.compute_score)
    told = manager(responses(tokenizer, SAID), return_dict=True)
    assert told["reward_tensor"].sum(dim=1).tolist() == [pytest.approx(worth, abs=1e-5) for worth in WORTH]
    assert told["reward_extra_info"]["verdict"] == ["passed", "passed", "wrong_answer", "wrong_answer"]
    assert COLUMNS["ground_truth"] == ROW["reward_model"]["ground_truth"]
