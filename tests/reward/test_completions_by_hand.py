"""A readable table of completions, each with what it is worth."""

from __future__ import annotations

import time

import pytest
from reward_completions import ALL, HOSTILE, Expected
from reward_problem import SOLVABILITY, TASK

from codeseq_ray.reward import Scorer


def test_the_table_is_long_enough() -> None:
    assert len(ALL) >= 60
    assert len({row.name for row in ALL}) == len(ALL)


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.name)
def test_each_completion_is_worth_what_it_says(scorer: Scorer, row: Expected) -> None:
    score = scorer.score(TASK, row.text)
    found = (score.verdict != "no_program", score.passed, score.n_cases, score.n_true, score.undecided)
    assert found == (row.program, row.passed, row.cases, row.true, row.undecided), score
    worth = scorer.form.weight(SOLVABILITY) if row.passed else 0.0
    assert score.reward == pytest.approx(worth + (row.true / row.cases if row.cases else 0.0))


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.name)
def test_no_text_takes_long_to_read(row: Expected) -> None:
    from codeseq_ray.reward.extraction import read

    start = time.process_time()
    read(row.text)
    assert time.process_time() - start < 3
