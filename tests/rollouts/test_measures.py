"""avg@n, pass@k and cases met, from rollouts as the store hands them over."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.rollouts.evaluation import evaluate, gains, mean_share, pass_at, report, table
from codeseq_ray.rollouts.plot import svg
from codeseq_ray.store.rollouts import FIGURES


def rollouts(of: dict[int, list[tuple[bool, int, int]]]) -> pa.Table:
    """Number → (passed, cases passed, cases) of its samples."""
    rows = [
        {
            "number": number,
            "sample": sample,
            "passed": passed,
            "reason": "" if passed else "wrong_answer",
            "cases_passed": met,
            "cases": cases,
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "replayed": sample == 0,
        }
        for number, samples in sorted(of.items())
        for sample, (passed, met, cases) in enumerate(samples)
    ]
    return pa.Table.from_pylist(rows, schema=FIGURES)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_all_choices_of_k_that_hold_a_pass(n: int, data: st.DataObject) -> None:
    passes = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    outcomes = [True] * passes + [False] * (n - passes)
    choices = [any(outcomes[i] for i in chosen) for chosen in combinations(range(n), k)]
    assert pass_at(k, n, passes) == pytest.approx(sum(choices) / len(choices))


@pytest.mark.parametrize("k", [0, 5])
def test_pass_at_more_than_was_sampled_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="must be in 1"):
        pass_at(k, 4, 1)


def test_figures_are_means_over_problems() -> None:
    of = {
        1: [(True, 5, 5), (False, 2, 5)],
        2: [(False, 0, 5), (False, 0, 0)],
    }
    told = evaluate(rollouts(of), [1, 2], 2, (1, 2, 8, 1), seed=0)
    assert told["replayed"] == 2
    means = {name: figure["mean"] for name, figure in told["figures"].items()}
    assert means == pytest.approx({"avg": 0.25, "coverage": 0.35, "pass@1": 0.25, "pass@2": 0.5})
    assert told["reasons"] == {"wrong_answer": 3}
    assert (told["problems"], told["left_out"], told["rollouts"], told["passes"]) == (2, 0, 4, 1)
    assert told["tokens_per_rollout"] == 50


def test_a_problem_that_lacks_a_rollout_is_left_out_and_said() -> None:
    of = {1: [(True, 5, 5), (True, 5, 5)], 2: [(True, 5, 5)]}
    told = evaluate(rollouts(of), [1, 2, 3], 2, (1,), seed=0)
    assert (told["problems"], told["left_out"]) == (1, 2)


def test_samples_beyond_those_asked_for_do_not_count() -> None:
    of = {1: [(False, 0, 5), (True, 5, 5)]}
    assert evaluate(rollouts(of), [1], 1, (1,), seed=0)["passes"] == 0


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12))
def test_a_gain_is_the_mean_of_the_problems_own_differences(passes: list[tuple[int, int]]) -> None:
    def told(which: int) -> dict[str, Any]:
        of = {n: [(k < pair[which], 5, 5) for k in range(4)] for n, pair in enumerate(passes)}
        figures = evaluate(rollouts(of), list(of), 4, (1,), seed=0)
        return {**_result(("tuned", "base")[which]), **figures, "samples": 4}

    tuned, base = told(0), told(1)
    line = next(
        line
        for line in report([tuned, base]).splitlines()
        if line.startswith("| base | +") or "| base | -" in line
    )
    expected = 100 * sum(a - b for a, b in passes) / 4 / len(passes)
    assert f"| base | {expected:+.1f} (" in line
    assert not gains([tuned, {**base, "seed": 1}])
    assert not gains([tuned, {**base, "of_problems": {}}])
    if len({a - b for a, b in passes}) == 1:  # a problem's difficulty is no part of the interval
        assert f"({expected:+.1f} to {expected:+.1f})" in line


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_interval_lies_around_the_mean_and_repeats(values: list[float]) -> None:
    share = mean_share(values, seed=3)
    assert -1e-9 <= share.low <= share.mean + 1e-9
    assert share.mean - 1e-9 <= share.high <= 1 + 1e-9
    assert share == mean_share(values, seed=3)


def _result(policy: str, **figures: float) -> dict[str, Any]:
    told = {name: {"mean": v, "low": v, "high": v} for name, v in figures.items()}
    return {
        "policy": policy,
        "task": "gtg",
        "problems": 3,
        "left_out": 0,
        "samples": 8,
        "figures": told,
        "tokens_per_rollout": 12.3,
        "reasons": {},
        "dataset": "d",
        "split": "eval",
        "temperature": 1.0,
        "max_tokens": 10,
        "prompt": "p",
        "input_digest": "beef",
        "limit": None,
        "seed": 0,
    }


def test_a_figure_that_one_policy_lacks_is_a_dash() -> None:
    text = table([_result("a", avg=0.5), _result("b", avg=0.25, **{"pass@8": 1.0})])
    assert "| a | gtg | 3 | 50.0 % (50.0–50.0) | – | 12 |" in text
    assert "avg@8" in text
    assert report([_result("a", avg=0.5)]).startswith("# a: general-term")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("input_digest", "other", "differs in problems."),
        ("limit", 40, "differs in limit 40 (here not given)."),
        ("seed", 1, "differs in seed 1 (here 0)."),
        ("samples", 1, "differs in samples 1 (here 8)."),
        ("temperature", 0.0, "differs in temperature 0.0 (here 1.0)."),
        ("max_tokens", 99, "differs in max_tokens 99 (here 10)."),
        ("split", "rl", "differs in split rl (here eval)."),
    ],
)
def test_what_is_not_comparable_does_not_stand_side_by_side_without_a_word(
    name: str, value: Any, said: str
) -> None:
    base, same = _result("tuned", avg=0.5), _result("base", avg=0.25)
    assert "Not comparable" not in report([base, same])
    told = report([base, same, {**same, "policy": "odd", name: value}])
    assert f"**Not comparable:** odd (gtg) {said}" in told
    assert told.count("Not comparable") == 1


def test_names_do_not_break_the_plot() -> None:
    from xml.etree import ElementTree

    drawn = ElementTree.fromstring(svg([_result("<a & b>", avg=0.5), _result("b", avg=1.0)]))
    said = "".join(drawn.itertext())
    assert "<a & b>" in said
