"""Reward functions for TRL's GRPOTrainer, which hands over completions and the columns of the data set as lists.

    GRPOTrainer(reward_funcs=cssr_reward(workers=8), …)

A completion that could not be judged has the reward None: TRL leaves it out of its group's mean and gives it no
advantage. Never zero, which would teach something.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from codeseq_ray.errors import InputError
from codeseq_ray.reward.scoring import RewardSettings, Score, Scorer, scorer_here
from codeseq_ray.reward.tasks import RewardTask

Completion = str | Sequence[dict[str, Any]]
"""Plain text, or the turns that a conversational data set gives."""
Rewards = list[float | None]

_FIGURES: dict[str, Callable[[Score], float]] = {
    "passed": lambda score: score.passed,
    "pass_part": lambda score: score.pass_part,
    "case_part": lambda score: score.case_part,
    "case_share": lambda score: score.case_share,
    "cases": lambda score: score.n_cases,
}
"""Means over a batch's judged completions; the two parts make up the reward."""
_NEEDED = ("ground_truth", "examples", "known_cases", "reference_program")


def cssr_reward(**settings: Any) -> Callable[..., Rewards]:
    """A reward function with these settings (`RewardSettings`). Raises UsageError for what is none."""
    read = RewardSettings.of(settings)
    return reward_of(lambda: scorer_here(read))


def reward_of(scorer: Callable[[], Scorer]) -> Callable[..., Rewards]:
    """A reward function that asks this scorer, whose programs may run anywhere. It is asked for at every batch."""

    def cssr(prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any) -> Rewards:
        begun = time.monotonic()
        scores = scorer().score_batch(_batch(completions, columns))
        return _told(scores, columns, time.monotonic() - begun)

    return cssr


def cssr_reward_async(**settings: Any) -> Callable[..., Awaitable[Rewards]]:
    """The same as a coroutine function: TRL awaits it beside other reward functions of this kind."""
    read = RewardSettings.of(settings)

    async def cssr(prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any) -> Rewards:
        begun = time.monotonic()
        scores = await scorer_here(read).score_batch_async(_batch(completions, columns))
        return _told(scores, columns, time.monotonic() - begun)

    return cssr


def _batch(completions: Sequence[Completion], columns: dict[str, Any]) -> list[tuple[RewardTask, str]]:
    if missing := [name for name in _NEEDED if name not in columns]:
        raise InputError(
            f"the data set has no column {', '.join(missing)}: the reward reads rows of the config `rl` "
            "(docs/reward.md). Leave remove_unused_columns at TRL's default"
        )
    solvability = columns.get("solvability") or [None] * len(completions)
    tasks = [RewardTask.of(*held) for held in zip(*(columns[n] for n in _NEEDED), solvability, strict=True)]
    return [(task, text_of(completion)) for task, completion in zip(tasks, completions, strict=True)]


def text_of(completion: Completion) -> str:
    """The assistant's text; thoughts that the chat template keeps apart stand before it in their tags."""
    if isinstance(completion, str):
        return completion
    said: list[str] = []
    for turn in completion:
        if turn.get("role") != "assistant":
            continue
        if thoughts := turn.get("reasoning_content") or turn.get("thinking"):
            said.append(f"<think>{thoughts}</think>")
        content = turn.get("content") or ""
        said.append(
            content if isinstance(content, str) else "".join(part.get("text") or "" for part in content)
        )
    return "\n".join(said)


def _told(scores: list[Score], columns: dict[str, Any], seconds: float) -> Rewards:
    """The rewards; what they are made of goes to TRL's tables and plots where it takes that."""
    judged = [score for score in scores if score.reward is not None]
    if (log_extra := columns.get("log_extra")) is not None:
        log_extra("verdict", [str(score.verdict) for score in scores])
        log_extra("self_made_cases", [f"{score.n_true}/{score.n_cases}" for score in scores])
    if (log_metric := columns.get("log_metric")) is not None:
        log_metric("cssr/seconds", seconds)
        log_metric("cssr/not_judged", (len(scores) - len(judged)) / len(scores))
        for name, value in _FIGURES.items():
            if judged:
                log_metric(f"cssr/{name}", sum(map(value, judged)) / len(judged))
    return [score.reward for score in scores]
