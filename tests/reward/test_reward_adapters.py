"""What verl and TRL call, called as they call it, without the libraries."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from reward_problem import COLUMNS, RIGHT, ROW, SOLVABILITY, WRONG

from codeseq_ray.errors import InfrastructureError, InputError, UsageError
from codeseq_ray.reward import Scorer, scoring, trl, verl
from codeseq_ray.reward.scoring import RewardSettings

pytestmark = pytest.mark.usefixtures("scorer")  # skips where no walls stand

WEIGHT = RewardSettings().cssr().weight(SOLVABILITY)


def columns(count: int) -> dict[str, list[Any]]:
    return {**{name: [text] * count for name, text in COLUMNS.items()}, "solvability": [SOLVABILITY] * count}


def test_verl_gets_the_score_and_what_it_is_made_of() -> None:
    told = verl.compute_score(
        "codeseq",
        f"f(5) = 120, f(6) = 7\n{RIGHT}",
        ROW["reward_model"]["ground_truth"],
        ROW["extra_info"],
        workers=1,
    )
    assert told == {
        "score": pytest.approx(WEIGHT + 0.5),
        "acc": 1.0,
        "weight": pytest.approx(WEIGHT),
        "case_share": 0.5,
        "n_cases": 2,
        "n_true": 1,
        "undecided": 0,
        "verdict": "passed",
    }
    assert type(told["verdict"]) is str


def test_verl_may_add_what_is_its_own() -> None:
    more = {**ROW["extra_info"], "num_turns": 2, "rollout_reward_scores": {}}
    told = verl.compute_score(
        "codeseq", WRONG, COLUMNS["ground_truth"], more, reward_router_address="x", workers=1
    )
    assert told["score"] == 0


def test_verl_is_told_what_is_wrong_with_a_row_and_with_settings() -> None:
    with pytest.raises(InputError, match="gsm8k"):
        verl.compute_score("gsm8k", "#### 5", "5", {"split": "train"})
    with pytest.raises(UsageError, match="wrokers"):
        verl.compute_score("codeseq", WRONG, COLUMNS["ground_truth"], ROW["extra_info"], wrokers=1)


def test_verl_gets_no_zero_for_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl, "scorer_here", lambda settings: _Troubled())
    with pytest.raises(InfrastructureError, match="the machine is busy"):
        verl.compute_score("codeseq", RIGHT, COLUMNS["ground_truth"], ROW["extra_info"])


class _Troubled:
    def score(self, *_: object) -> scoring.Score:
        return scoring.Score(None, "infrastructure", "the machine is busy")

    def score_batch(self, batch: list[object]) -> list[scoring.Score]:
        return [self.score() for _ in batch]


def test_trl_gets_none_for_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trl, "scorer_here", lambda settings: _Troubled())
    assert trl.cssr_reward()(prompts=["p"], completions=[RIGHT], **columns(1)) == [None]


def test_trl_gives_plain_texts_or_turns() -> None:
    turns = [{"role": "assistant", "content": f"f(5) = 120\n{RIGHT}"}]
    rewards = trl.cssr_reward(workers=1)(
        prompts=["p"] * 3,
        completions=[turns, RIGHT, ""],
        completion_ids=[[1]] * 3,
        trainer_state=None,
        **columns(3),
    )
    assert rewards == [pytest.approx(WEIGHT + 1), pytest.approx(WEIGHT), 0]


def test_trl_may_await_it() -> None:
    reward = trl.cssr_reward_async(workers=1)
    assert inspect.iscoroutinefunction(reward)
    assert asyncio.run(reward(prompts=["p"], completions=[RIGHT], **columns(1))) == [pytest.approx(WEIGHT)]


def test_trl_logs_what_it_is_made_of() -> None:
    extra: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    trl.cssr_reward(workers=1)(
        prompts=["p"] * 2,
        completions=[f"f(5) = 120, f(6) = 1\n{RIGHT}", ""],
        log_extra=extra.__setitem__,
        log_metric=metrics.__setitem__,
        **columns(2),
    )
    assert extra == {"verdict": ["passed", "no_program"], "self_made_cases": ["1/2", "0/0"]}
    assert metrics.pop("cssr/seconds") > 0
    assert metrics == {
        "cssr/passed": 0.5,
        "cssr/pass_part": pytest.approx(WEIGHT / 2),
        "cssr/case_part": 0.25,
        "cssr/case_share": 0.25,
        "cssr/cases": 1,
        "cssr/not_judged": 0,
    }


def test_thoughts_that_the_template_keeps_apart_count_for_cases_and_not_for_programs(scorer: Scorer) -> None:
    text = trl.text_of(
        [{"role": "assistant", "reasoning_content": f"f(5) = 120\n{RIGHT}", "content": "Done."}]
    )
    score = scorer.score(scoring.RewardTask.of_row(ROW), text)
    assert (score.verdict, score.n_true) == ("no_program", 1)


def test_text_in_parts_and_turns_of_tools() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    turns = [
        {"role": "assistant", "content": parts},
        {"role": "tool", "content": "7"},
        {"role": "assistant", "content": None},
    ]
    assert trl.text_of(turns) == "ab\n"


def test_a_data_set_without_our_columns_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="reference_program"):
        trl.cssr_reward()(prompts=["p"], completions=["c"], ground_truth=["{}"])


def test_a_data_set_without_solvability_weighs_a_pass_one() -> None:
    given = columns(1)
    del given["solvability"]
    assert trl.cssr_reward(workers=1)(prompts=["p"], completions=[RIGHT], **given) == [1]
