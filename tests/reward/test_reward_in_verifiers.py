"""The library `verifiers` loads the environment, and scores rollouts with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reward_problem import RIGHT, ROW, SOLVABILITY, WRONG

from codeseq_ray.errors import InputError, UsageError
from codeseq_ray.reward.scoring import RewardSettings, Score

vf: Any = pytest.importorskip("verifiers.v1", reason="verifiers is not installed")
pytestmark = pytest.mark.usefixtures("scorer")

WEIGHT = RewardSettings().cssr().weight(SOLVABILITY)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    other = {**ROW, "problem_id": "A000142-ffffffffffff"}
    pq.write_table(pa.Table.from_pylist([ROW, other]), tmp_path / "rl.parquet")
    return tmp_path / "rl.parquet"


def environment(rows: Path, **settings: Any) -> Any:
    from codeseq_ray.reward.environment import load_environment

    return load_environment(str(rows), workers=1, **settings)


async def scored(env: Any, completion: str, thoughts: str | None = None) -> Any:
    """A rollout as the library keeps it, scored by the library."""
    task = next(iter(env.taskset))
    trace = vf.Trace(
        task=vf.TraceTask(type="CodeSeqTask", data=task.data), agent=vf.AgentInfo(config=env.config.agent)
    )
    answer = vf.AssistantMessage(content=completion, reasoning_content=thoughts)
    trace.nodes.append(vf.MessageNode(message=vf.UserMessage(content=task.data.prompt_text)))
    trace.nodes.append(vf.MessageNode(parent=0, message=answer, sampled=True))
    await task.score(trace)
    return trace


def test_it_has_the_rows_and_their_prompts(rows: Path) -> None:
    env = environment(rows)
    assert isinstance(env, vf.SingleAgentEnv)
    tasks = list(env.taskset)
    assert [task.key for task in tasks] == [ROW["problem_id"], "A000142-ffffffffffff"]
    assert tasks[0].data.prompt_text == ROW["prompt"][0]["content"]
    assert env.config.agent.harness.id == "null"


async def test_rollouts_are_scored(rows: Path) -> None:
    env = environment(rows)
    assert (await scored(env, RIGHT)).reward == pytest.approx(WEIGHT)
    assert (await scored(env, WRONG)).reward == 0
    trace = await scored(env, RIGHT, thoughts="f(5) = 120 and f(6) = 7")
    assert trace.reward == pytest.approx(WEIGHT + 0.5)
    assert trace.metrics == {"passed": 1, "case_share": 0.5, "n_cases": 2, "n_true": 1, "undecided": 0}
    assert trace.info["codeseq"]["verdict"] == "passed"


async def test_the_form_is_a_setting(rows: Path) -> None:
    trace = await scored(environment(rows, form="multiplicative"), f"f(5) = 120\n{RIGHT}")
    assert trace.reward == pytest.approx(2 * WEIGHT)


async def test_what_could_not_be_judged_is_an_error_and_no_zero(
    rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codeseq_ray.reward import environment as ours

    class Busy:
        async def score_async(self, *_: object) -> Score:
            return Score(None, "infrastructure", "the machine is busy")

    env = environment(rows)
    monkeypatch.setattr(ours, "scorer_here", lambda settings: Busy())
    with pytest.raises(vf.TaskError, match="the machine is busy"):
        await scored(env, RIGHT)


def test_the_library_finds_it_by_name(rows: Path) -> None:
    config = vf.resolve_env_config({"taskset": {"id": "codeseq-ray-env", "dataset": str(rows)}})
    assert len(list(vf.load_environment(config).taskset)) == 2


def test_settings_and_data_sets_that_are_none(rows: Path) -> None:
    with pytest.raises(UsageError, match="wrokers"):
        environment(rows, wrokers=3)
    with pytest.raises(InputError, match=r"no\.parquet"):
        list(environment(rows.with_name("no.parquet")).taskset)
    with pytest.raises(UsageError, match="no release"):
        list(environment(rows.parent).taskset)
