"""verl's custom reward function.

    reward.custom_reward_function.path=pkg://codeseq_ray.reward.verl
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.workers=2

verl has no way to say that a completion could not be judged: it takes a number, or the error ends the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeseq_ray.errors import InfrastructureError, InputError
from codeseq_ray.reward.scoring import RewardSettings, Score, scorer_here
from codeseq_ray.reward.tasks import RewardTask

_VERLS_OWN = {"reward_router_address", "reward_model_tokenizer"}
"""What verl hands to every reward function when a reward model runs beside it."""
_NEEDED = ("examples", "known_cases", "reference_program")


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """The reward as `score`, and beside it what it is made of; verl logs each number, `acc` in validation.

    `settings` are those of `RewardSettings`. May be called from many threads; they share one scorer. Raises
    InfrastructureError when no judgement was possible after all tries, InputError for a row that is not ours.
    """
    given = {name: value for name, value in settings.items() if name not in _VERLS_OWN}
    row = extra_info or {}
    if missing := [name for name in _NEEDED if name not in row]:
        raise InputError(
            f"extra_info of a row of {data_source!r} has no {', '.join(missing)}: compute_score reads rows of the "
            "config `rl` (docs/reward.md); give other data sources a reward of their own"
        )
    examples, known_cases, program = (row[name] for name in _NEEDED)
    task = RewardTask.of(ground_truth, examples, known_cases, program, row.get("solvability"))
    return _told(scorer_here(RewardSettings.of(given)).score(task, solution_str))


def _told(score: Score) -> dict[str, Any]:
    if score.reward is None:
        raise InfrastructureError(f"a completion could not be judged: {score.reason}")
    return {
        "score": score.reward,
        "acc": float(score.passed),
        "weight": score.weight,
        "case_share": score.case_share,
        "n_cases": score.n_cases,
        "n_true": score.n_true,
        "undecided": score.undecided,
        "verdict": str(score.verdict),
    }
