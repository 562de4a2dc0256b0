"""Batches: what is judged once, what trouble means, and that no batch waits for ever."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import factorial

import pytest
from reward_problem import COLUMNS, RIGHT, ROW, SOLVABILITY, TASK, WRONG, block

from codeseq_ray.errors import InfrastructureError, InputError, SandboxUnavailableError, UsageError
from codeseq_ray.ports import Execution, ExecutionReport, Run
from codeseq_ray.records import VerdictKind
from codeseq_ray.reward import Form, RewardSettings, RewardTask, Scorer


@dataclass
class Factorials:
    """An executor that knows programs by a word in them."""

    ran: Counter[str] = field(default_factory=Counter)
    lost: bool = True

    async def execute(self, execution: Execution) -> ExecutionReport:
        self.ran[execution.source] += 1
        if "die" in execution.source:
            raise InfrastructureError("a worker died")
        if "no walls" in execution.source:
            raise SandboxUnavailableError("no seccomp here")
        if "for ever" in execution.source:
            await asyncio.sleep(3600)
        outputs = [
            f"{factorial(int(i))}\n" if "wrong" not in execution.source else "0\n" for i in execution.inputs
        ]
        return ExecutionReport(tuple(Run(VerdictKind.PASSED, stdout=o) for o in outputs), ())


def test_equal_completions_and_equal_programs_are_judged_once() -> None:
    executor = Factorials()
    batch = [
        (TASK, f"{RIGHT}"),
        (TASK, f"{RIGHT}"),
        (TASK, f"Another way to say it.\n{RIGHT}"),
        (TASK, block("wrong")),
    ]
    scores = Scorer(executor=executor).score_batch(batch)
    assert [score.passed for score in scores] == [True, True, True, False]
    assert max(executor.ran.values()) == 1 + (executor.ran.most_common(1)[0][0] == "wrong\n")


def test_scores_come_in_the_order_of_the_batch() -> None:
    texts = [f"On input {n} it should give {factorial(n) + n % 2}." for n in range(4, 16)] * 3
    scores = Scorer(executor=Factorials()).score_batch([(TASK, text) for text in texts])
    assert [score.n_true for score in scores] == [1, 0] * 18


def test_trouble_around_one_completion_is_none_for_it_alone() -> None:
    scores = Scorer(executor=Factorials()).score_batch([(TASK, block("die")), (TASK, RIGHT)])
    assert scores[0].reward is None
    assert scores[0].verdict == "infrastructure"
    assert "a worker died" in scores[0].reason
    assert scores[1].passed


def test_trouble_with_the_reference_program_is_none_and_not_a_false_case() -> None:
    task = RewardTask.of(**{**COLUMNS, "reference_program": "die"})
    scores = Scorer(executor=Factorials()).score_batch(
        [(task, f"f(20) = 7\n{RIGHT}"), (task, f"f(5) = 120\n{RIGHT}")]
    )
    assert scores[0].reward is None
    assert scores[1].reward == 2


def test_a_machine_without_walls_ends_the_batch() -> None:
    with pytest.raises(SandboxUnavailableError, match="seccomp"):
        Scorer(executor=Factorials()).score_batch([(TASK, RIGHT), (TASK, block("no walls"))])


def test_a_batch_is_over_when_its_time_is_and_what_is_not_judged_has_no_reward() -> None:
    start = time.monotonic()
    scorer = Scorer(RewardSettings(batch_seconds=0.5), executor=Factorials())
    scores = scorer.score_batch([(TASK, block("for ever")), (TASK, RIGHT), (TASK, "f(5) = 120")])
    assert time.monotonic() - start < 10
    assert [score.reward is None for score in scores] == [True, False, False]
    assert "0.5 s" in scores[0].reason


def test_an_empty_batch() -> None:
    assert Scorer(executor=Factorials()).score_batch([]) == []


def test_a_pass_is_what_a_rollout_calls_one(scorer: Scorer) -> None:
    """Tables pass in s; who refuses them says so."""
    table = block(f"print({[factorial(n) for n in range(16)]}[int(input())])")
    assert scorer.score(TASK, table).passed
    with Scorer(RewardSettings(workers=1, refuse_tables=True)) as strict:
        refused = strict.score(TASK, table)
        assert (refused.passed, refused.verdict, refused.reward) == (False, "lookup_table", 0)
        assert strict.score(TASK, RIGHT).passed


def test_calls_from_many_threads_and_loops(scorer: Scorer) -> None:
    with ThreadPoolExecutor(8) as threads:
        texts = [WRONG, RIGHT, "f(20) = 1"] * 4
        sync = list(threads.map(lambda text: scorer.score(TASK, text).reward, texts))
        loops = list(threads.map(lambda text: asyncio.run(scorer.score_async(TASK, text)).reward, texts))
    weight = scorer.form.weight(SOLVABILITY)
    assert sync == loops == [0, weight, 0] * 4


async def test_where_a_loop_runs_already(scorer: Scorer) -> None:
    assert scorer.score(TASK, RIGHT).passed
    assert (await scorer.score_async(TASK, RIGHT)).passed


def test_closing_ends_the_threads_and_sandboxes() -> None:
    before = threading.active_count()
    with Scorer(RewardSettings(workers=2)) as scorer:
        assert scorer.score(TASK, RIGHT).passed
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_without_a_solvability_a_pass_weighs_one(scorer: Scorer) -> None:
    assert scorer.score(RewardTask.of(**COLUMNS), RIGHT).reward == 1


def test_forms_are_settings() -> None:
    text = f"f(5) = 120\n{RIGHT}"
    rewards = {
        form: Scorer(RewardSettings(form=form), executor=Factorials()).score(TASK, text).reward
        for form in Form
    }
    assert rewards[Form.MULTIPLICATIVE] == pytest.approx(2 * (rewards[Form.ADDITIVE] - 1))
    assert 1 < rewards[Form.NORMALISED] < 2


@pytest.mark.parametrize(
    "given",
    [
        {"worker": 3},
        {"form": "cubic"},
        {"workers": 0},
        {"epsilon": 2},
        {"rollouts": 1},
        {"batch_seconds": "soon"},
    ],
)
def test_settings_that_are_none_are_refused_by_name(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(given))):
        RewardSettings.of(given)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("ground_truth", "no JSON"),
        ("ground_truth", "[]"),
        ("ground_truth", '{"inputs": [], "outputs": []}'),
        ("examples", '{"inputs": ["1"], "outputs": []}'),
        ("known_cases", '{"inputs": ["1"]}'),
        ("known_cases", '{"inputs": [1], "outputs": [1]}'),
        ("examples", "null"),
    ],
)
def test_rows_that_are_none_are_refused_by_column(column: str, text: str) -> None:
    with pytest.raises(InputError, match=column):
        RewardTask.of(**{**COLUMNS, column: text})


def test_a_row_without_a_column_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="known_cases"):
        RewardTask.of_row({name: value for name, value in ROW.items() if name != "known_cases"})


def test_equal_rows_are_one_task() -> None:
    again = json.loads(json.dumps(ROW))
    assert RewardTask.of_row(again) is TASK
