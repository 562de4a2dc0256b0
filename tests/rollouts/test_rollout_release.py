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
    problems: list[dict[str, Any]],
    passed: dict[int, dict[int, bool]],
    *,
    early: bool = False,
    samples: int = SAMPLES,
    band: Band | None = None,
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
    told, chosen = Figures(), Selection("policy@1", samples, band or Band(), early)
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


def test_the_first_pass_is_the_number_of_a_sample_also_where_others_are_missing(
    problems: list[dict[str, Any]],
) -> None:
    made, _, _ = drawn(problems[:1], {numbers(problems)[0]: {1: False, 5: True, 7: True}})
    (row,) = [row.fields for row in made if row.config == "rl_dropped"]
    assert (row["rollouts"], row["passes"], row["first_pass"]) == (3, 2, 5)


def test_rows_are_numbered_within_their_config(problems: list[dict[str, Any]]) -> None:
    passed = {n: {k: k < i % 3 for k in range(SAMPLES)} for i, n in enumerate(numbers(problems))}
    made, _, _ = drawn(problems, passed)
    for config in ("rl", "rl_dropped"):
        places = [row.fields["extra_info"]["index"] for row in made if row.config == config]
        assert places == list(range(len(places)))
        assert len(places) > 1


@pytest.mark.parametrize(("passes", "why"), [(0, "never_solved"), (1, "too_hard"), (5, "too_easy")])
def test_a_problem_that_was_solved_is_not_called_never_solved(
    problems: list[dict[str, Any]], passes: int, why: str
) -> None:
    passed = {numbers(problems)[0]: {k: k < passes for k in range(SAMPLES)}}
    made, _, _ = drawn(problems[:1], passed, band=Band(0.2, 0.46))
    assert [row.fields["why"] for row in made if row.config == "rl_dropped"] == [why]


BANDS = st.tuples(st.integers(0, 9), st.integers(1, 10)).filter(lambda b: b[0] < b[1])


@given(st.lists(st.booleans(), min_size=1, max_size=40), BANDS, st.data())
def test_early_stop_publishes_a_solvability_of_the_band_that_the_problem_is_in(
    problems: list[dict[str, Any]], course: list[bool], tenths: tuple[int, int], data: st.DataObject
) -> None:
    band = Band(tenths[0] / 10, tenths[1] / 10)
    judged = data.draw(st.integers(0, len(course)))
    passed = {numbers(problems)[0]: dict(enumerate(course[:judged]))}
    made, _, _ = drawn(problems[:1], passed, early=True, samples=len(course), band=band)
    (row,) = [row.fields for row in made if row.config != "rollouts"]
    why = row.get("why", "kept")
    if why == "kept":
        assert band.above < row["solvability"] <= band.most
    elif why != "too_few_rollouts":
        assert (row["solvability"] == 0) is (why == "never_solved")
        assert (row["solvability"] > band.most) is (why == "too_easy")
    if judged == len(course):
        assert (row["rollouts"], row["solvability"]) == (judged, sum(course) / judged)
        assert not row["stopped_early"]


def test_a_first_pass_that_decides_leaves_a_share_above_zero(problems: list[dict[str, Any]]) -> None:
    passed = {numbers(problems)[0]: {k: k == 20 for k in range(21)}}
    made, _, _ = drawn(problems[:1], passed, early=True, samples=32)
    (row,) = [row.fields for row in made if row.config == "rl"]
    assert (row["solvability"], row["passes"], row["rollouts"]) == (1 / 21, 1, 21)


def test_halves_are_not_compared_of_what_early_stop_left(problems: list[dict[str, Any]]) -> None:
    """Only what took all samples has whole halves: the undecided, and what was never solved."""
    passed = {n: {k: i == k for k in range(SAMPLES)} for i, n in enumerate(numbers(problems))}
    _, figures, chosen = drawn(problems, passed, early=True)
    assert not figures.stopped_early
    assert figures.as_json(chosen)["split_half"] is not None
    passed[numbers(problems)[0]] = dict.fromkeys(range(4), True)
    _, figures, chosen = drawn(problems, passed, early=True)
    assert figures.stopped_early
    assert figures.as_json(chosen)["split_half"] is None


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
