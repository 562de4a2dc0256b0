"""The reward's forms and constants on recorded rollouts: how often they rank the answers of one problem differently.

    python -m benchmarks.reward_forms --rollouts RUN --dataset RELEASE

No training. Each recorded answer is scored once (does its program pass, which share c of its own cases is true);
every form is then arithmetic over these and the problem's solvability s, as GRPO would meet it: s is one for all
answers of a problem, and each group's rewards are centred and divided by their standard deviation.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from codeseq_ray.records import Rollout
from codeseq_ray.reward.forms import Cssr, Form
from codeseq_ray.reward.rows import rl_rows
from codeseq_ray.reward.scoring import RewardSettings, Scorer
from codeseq_ray.reward.tasks import RewardTask
from codeseq_ray.store import parquet
from codeseq_ray.store.opening import open_run
from codeseq_ray.store.segments import RECORD_SCHEMA
from codeseq_ray.store.settings import StoreSettings

EPSILONS = (1e-4, 1e-3, 1e-2, 5e-2)
WEIGHTS = (1.0, 0.2)
CLOSE = 1e-9


@dataclass(frozen=True)
class Answer:
    """One judged answer: what every form is made of."""

    passed: bool
    case_share: float
    cases: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", required=True, help="a run of jobs/rollouts.py")
    parser.add_argument("--dataset", required=True, help="the release whose problems it sampled")
    options = parser.parse_args()
    groups = scored(options.rollouts, options.dataset)
    answers = [one for group in groups.values() for one in group]
    told = [one for one in answers if one.cases]
    print(
        f"{len(groups)} problems, {len(answers)} answers: {sum(one.passed for one in answers)} pass, {len(told)} "
        f"tell cases of their own, {sum(one.case_share == 1 for one in told)} of these only true ones, "
        f"{sum(0 < one.case_share < 1 for one in told)} some.\n"
    )
    forms = {
        (form, epsilon, weight): Cssr(form, epsilon, weight, rollouts=max(map(len, groups.values())))
        for form, epsilon, weight in product(Form, EPSILONS, WEIGHTS)
    }
    plain = {key: [float(one.passed) for one in group] for key, group in groups.items()}
    base = rewards(groups, forms[Form.ADDITIVE, 1e-3, 1.0])
    print(
        "| form | ε | λ | groups with a gradient | pairs ordered otherwise than by passing | … than additive "
        "(ε 1e-3, λ 1) | advantages apart from it |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for (form, epsilon, weight), cssr in forms.items():
        here = rewards(groups, cssr)
        print(
            f"| {form.value} | {epsilon:g} | {weight:g} | {sum(np.ptp(r) > CLOSE for r in here.values())} | "
            f"{otherwise(here, plain):.1%} | {otherwise(here, base):.1%} | {apart(here, base):.3f} |"
        )


def scored(rollouts: str, dataset: str) -> dict[str, list[Answer]]:
    """By problem, in the order of samples; s is then passes ÷ answers."""
    run = open_run(rollouts, StoreSettings(), print)
    texts: dict[str, dict[int, str]] = defaultdict(dict)
    for name in run.list("records/"):
        for row in parquet.decode(run.store.get(run.key(name)), RECORD_SCHEMA, name).to_pylist():
            one = Rollout.model_validate_json(row["record"])
            if one.call is not None:
                texts[one.sequence_id][one.sample] = one.call.answer
    tasks = {
        row["sequence_id"]: RewardTask.of(
            row["ground_truth"], row["examples"], row["known_cases"], row["reference_program"], None
        )
        for row in rl_rows(dataset)
        if row["sequence_id"] in texts
    }
    batch = [(key, tasks[key], texts[key][sample]) for key in sorted(tasks) for sample in sorted(texts[key])]
    groups: dict[str, list[Answer]] = defaultdict(list)
    with Scorer(RewardSettings(workers=2)) as scorer:
        scores = scorer.score_batch([(task, text) for _, task, text in batch])
    for (key, _, _), score in zip(batch, scores, strict=True):
        if score.reward is not None:
            groups[key].append(Answer(score.passed, score.case_share, score.n_cases))
    return dict(groups)


def rewards(groups: dict[str, list[Answer]], cssr: Cssr) -> dict[str, list[float]]:
    found = {}
    for key, group in groups.items():
        s = sum(one.passed for one in group) / len(group)
        found[key] = [
            cssr.reward(passed=one.passed, solvability=s, case_share=one.case_share) for one in group
        ]
    return found


def otherwise(here: dict[str, list[float]], there: dict[str, list[float]]) -> float:
    """Share of the pairs of one problem's answers whose order (first, equal, second) is another."""
    pairs = [
        (np.sign(_gap(a[i], a[j])), np.sign(_gap(b[i], b[j])))
        for a, b in ((here[key], there[key]) for key in here)
        for i, j in combinations(range(len(a)), 2)
    ]
    return float(np.mean([one != other for one, other in pairs]))


def apart(here: dict[str, list[float]], there: dict[str, list[float]]) -> float:
    """Mean distance of the advantages that GRPO would give, over all answers."""
    gaps = [np.abs(_advantages(here[key]) - _advantages(there[key])) for key in here]
    return float(np.mean(np.concatenate(gaps)))


def _advantages(group: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.array(group)
    spread = values.std()
    return (values - values.mean()) / spread if spread > CLOSE else np.zeros(len(values))


def _gap(a: float, b: float) -> float:
    return 0.0 if abs(a - b) < CLOSE else a - b


if __name__ == "__main__":
    main()
