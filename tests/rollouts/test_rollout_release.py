"""From figures to rows: who is kept, who is dropped and why, and what the card says of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.dataset.views import Row
from codeseq_ray.rollouts.card import card
from codeseq_ray.rollouts.release import CONFIGS, Figures, Selection, release_rows
from codeseq_ray.rollouts.solvability import Band, Fate
from codeseq_ray.store.rollouts import FIGURES

SAMPLES = 8


def drawn(
    problems: list[dict[str, Any]], passed: dict[int, dict[int, bool]], *, early: bool = False
) -> tuple[list[Row], Figures, Selection]:
    """`passed`: number → sample → whether it passed."""
    figures = [
        {
            "number": number,
            "sample": sample,
            "passed": good,
            "reason": "" if good else "time_limit",
            "cases_passed": 8 if good else 3,
            "cases": 8,
            "prompt_tokens": 10,
            "completion_tokens": 5,
        }
        for number, samples in sorted(passed.items())
        for sample, good in sorted(samples.items())
    ]
    told, chosen = Figures(), Selection("policy@1", SAMPLES, Band(), early)
    table = pa.Table.from_pylist(figures, schema=FIGURES)
    return list(release_rows(problems, table, chosen, told)), told, chosen


def numbers(problems: list[dict[str, Any]]) -> list[int]:
    return [int(row["sequence_id"][1:]) for row in problems]


@given(data=st.data())
def test_every_problem_has_one_row_and_every_rollout_one(
    problems: list[dict[str, Any]], data: st.DataObject
) -> None:
    some = st.dictionaries(st.integers(0, SAMPLES + 3), st.booleans())
    passed = {number: data.draw(some) for number in numbers(problems)}
    early = data.draw(st.booleans())
    made, figures, _ = drawn(problems, passed, early=early)
    of = {config: [row.fields for row in made if row.config == config] for config in CONFIGS}
    assert sorted(row["sequence_id"] for row in (*of["rl"], *of["rl_dropped"])) == [
        row["sequence_id"] for row in problems
    ]
    assert len(of["rollouts"]) == sum(1 for own in passed.values() for k in own if k < SAMPLES)
    for config, rows in of.items():
        pa.Table.from_pylist(rows, schema=CONFIGS[config])  # every column is there and fits
        assert all(row.keys() == set(CONFIGS[config].names) for row in rows)
    assert figures.fates.total() == figures.problems == len(problems)
    assert figures.fates[Fate.KEPT] == len(of["rl"])
    for row in of["rl_dropped"]:
        own = passed[int(row["sequence_id"][1:])]
        whole = all(k in own for k in range(SAMPLES))
        if row["why"] == Fate.TOO_FEW_ROLLOUTS:
            assert not whole
        elif not early:
            assert whole
    for row in of["rl"]:
        own = [passed[int(row["sequence_id"][1:])][k] for k in range(row["rollouts"])]
        assert row["passes"] == sum(own) > 0
        assert row["rollout_tokens"] == 15 * len(
            [k for k in passed[int(row["sequence_id"][1:])] if k < SAMPLES]
        )


def test_a_problem_that_lacks_a_sample_is_neither_kept_nor_lost(problems: list[dict[str, Any]]) -> None:
    number = numbers(problems)[0]
    made, _, _ = drawn(problems[:1], {number: {k: k == 0 for k in range(SAMPLES) if k != 3}})
    (row,) = [row.fields for row in made if row.config == "rl_dropped"]
    assert row["why"] == "too_few_rollouts"


def test_early_stop_decides_by_the_samples_in_order(problems: list[dict[str, Any]]) -> None:
    number = numbers(problems)[0]
    # 4 passes of 8 are above 0.46: the fourth, sample 5, decides; what came beside it does not count.
    passed = {0: True, 1: False, 2: True, 3: False, 4: True, 5: True, 6: False}
    made, figures, _ = drawn(problems[:1], {number: passed}, early=True)
    (row,) = [row.fields for row in made if row.config == "rl_dropped"]
    assert (row["why"], row["rollouts"], row["passes"]) == ("too_easy", 6, 4)
    assert row["stopped_early"]
    assert row["solvability"] == row["extra_info"]["solvability"] == pytest.approx(3 / 5)
    assert figures.stopped_early == 1


def test_the_card_says_when_it_is_partial_and_when_it_was_stopped_early(
    problems: list[dict[str, Any]],
) -> None:
    manifest = {
        "row_settings": {
            "temperature": 1.0, "max_tokens": 9, "prompt": "p", "cpu_seconds": 4.0, "memory_mb": 512, "split": "rl",
        },
        "dataset": "d",
        "versions": {"ray": "1"},
    }  # fmt: skip
    whole = {number: dict.fromkeys(range(SAMPLES), False) for number in numbers(problems)}
    made, figures, chosen = drawn(problems, whole)
    text = card(
        figures.as_json(chosen), manifest, {"rl": 0, "rl_dropped": len(problems), "rollouts": len(made)}
    )
    assert "Partial" not in text
    assert "Stopped early" not in text
    assert "- config_name: rl\n" not in text
    assert "| time_limit | 80 |" in text
    lacking = {**whole, numbers(problems)[0]: {0: True}}
    made, figures, chosen = drawn(problems, lacking, early=True)
    text = card(
        figures.as_json(chosen), manifest, {"rl": 0, "rl_dropped": len(problems), "rollouts": len(made)}
    )
    assert "Partial" in text
    assert "Stopped early" in text
