"""Rollouts and evaluation on a real Ray with a policy behind HTTP: what is asked, paid for, kept and published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from codeseq_ray.crashpoints import CrashPoint
from codeseq_ray.dataset.rl import COLUMNS
from codeseq_ray.errors import CapReachedError, InputError, RunMismatchError, UsageError
from codeseq_ray.pipeline.sampling import evaluation, rollouts
from codeseq_ray.rollouts.release import CONFIGS
from codeseq_ray.settings import EvaluateSettings, RolloutSettings, load
from tests.model_server.process import ROOT, Served, served

pytestmark = pytest.mark.usefixtures("small_ray")

PROBLEMS, SAMPLES = 10, 6


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("policy") / "requests.jsonl"
    with served(log, "--models", "policy,other", "--skill-programs", "0.4") as up:
        yield up


def flags(policy: Served, dataset: Path, output: Path | str, *more: str) -> list[str]:
    return [
        *("--dataset", str(dataset), "--output", str(output), "--policy-url", policy.urls[0]),
        *("--policy-model", "policy", "--samples", str(SAMPLES), "--log-seconds", "2", *more),
    ]


def sampled(
    policy: Served,
    dataset: Path,
    output: Path | str,
    *more: str,
    say: Callable[[str], None] = lambda line: None,
) -> rollouts.RolloutResult:
    settings = load(flags(policy, dataset, output, *more), schema=RolloutSettings, program="rollouts.py")
    return rollouts.execute(settings, say)


def rows(release: str, config: str) -> list[dict[str, Any]]:
    found = sorted(Path(release, "data", config).glob("*.parquet"))
    return [row for path in found for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def whole(policy: Served, problems_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    policy.reset()
    output = tmp_path_factory.mktemp("whole")
    return sampled(policy, problems_file, output, "--run-id", "r"), policy.stats()


def test_every_sample_of_every_problem_is_asked_once_and_judged(whole: Any, policy: Served) -> None:
    result, _ = whole
    assert result.sampled.missing == 0
    made = rows(result.release.uri, "rollouts")
    assert Counter(row["sequence_id"] for row in made) == {
        f"A{1000 + i:06d}": SAMPLES for i in range(PROBLEMS)
    }
    assert len({(row["sequence_id"], row["sample"]) for row in made}) == PROBLEMS * SAMPLES
    assert result.sampled.standing.spent.requests == PROBLEMS * SAMPLES
    assert any(row["passed"] for row in made)
    assert not all(row["passed"] for row in made)


def test_every_problem_is_kept_or_dropped_with_a_reason_by_its_own_rollouts(whole: Any) -> None:
    release = whole[0].release.uri
    made = rows(release, "rollouts")
    kept, dropped = rows(release, "rl"), rows(release, "rl_dropped")
    assert len(kept) + len(dropped) == PROBLEMS
    assert kept
    assert dropped
    for row in (*kept, *dropped):
        own = [one["passed"] for one in made if one["sequence_id"] == row["sequence_id"]]
        assert (row["passes"], row["rollouts"]) == (sum(own), SAMPLES)
        assert row["solvability"] == sum(own) / SAMPLES == row["extra_info"]["solvability"]
        assert row["first_pass"] == (own.index(True) if any(own) else None)
        assert row["solvability_low"] <= row["solvability"] <= row["solvability_high"]
        assert json.loads(row["ground_truth"]) == json.loads(row["reward_model"]["ground_truth"])
    assert all(0 < row["solvability"] <= 0.46 for row in kept)
    assert {row["why"] for row in dropped} <= {"never_solved", "too_easy"}
    assert [row["extra_info"]["index"] for row in kept] == list(range(len(kept)))


def test_no_prompt_shows_a_case_that_answers_are_judged_by(whole: Any) -> None:
    for row in rows(whole[0].release.uri, "rl") + rows(whole[0].release.uri, "rl_dropped"):
        (turn,) = row["prompt"]
        outputs = [o for o in json.loads(row["ground_truth"])["outputs"] if len(o) >= 4]
        assert not [o for o in outputs if o in turn["content"]]


def test_the_release_loads_as_a_dataset_and_its_card_says_the_figures(whole: Any) -> None:
    release = whole[0].release
    for config in CONFIGS:
        loaded = load_dataset(release.uri, config, split="train")
        assert loaded.num_rows == release.manifest["counts"]["rows"][config]
    card = Path(release.uri, "README.md").read_text(encoding="utf-8")
    figures = release.manifest["figures"]
    assert f"| **kept** | **{figures['fates']['kept']}** |" in card
    assert f"{figures['rollouts']} rollouts, {figures['passes']} passed" in card
    assert sum(figures["histogram"].values()) == PROBLEMS


def test_the_same_again_asks_nothing_and_publishes_nothing_new(
    whole: Any, policy: Served, problems_file: Path
) -> None:
    before = whole[0]
    output = Path(before.sampled.run.store.uri)
    again = sampled(policy, problems_file, output, "--run-id", "r")
    assert again.sampled.standing.spent.requests == 0
    assert not again.release.new
    assert again.release.uri == before.release.uri


def test_answers_pass_to_another_run_only_where_a_revision_says_that_it_is_the_same_policy(
    whole: Any, policy: Served, problems_file: Path
) -> None:
    """A new checkpoint is often served under the old name, and would be measured by the old one's answers."""
    output, few = Path(whole[0].sampled.run.store.uri), ("--limit", "2", "--samples", "2")
    tuned = measured(policy, problems_file, output, "--run-id", "two", *few)
    assert (tuned.sampled.standing.spent.requests, tuned.results[0]["replayed"]) == (4, 0)
    # Nor may they pass to a run that has the name of one that was deleted.
    assert tuned.sampled.manifest["answers_of"] not in ("", "two")
    told: list[str] = []
    vouched = ("--policy-revision", "abc", *few)
    sampled(policy, problems_file, output, "--run-id", "three", *vouched, say=told.append)
    assert [line for line in told if line.startswith("cache: ") and "policy@abc" in line]
    same = measured(policy, problems_file, output, "--run-id", "four", *vouched)
    assert (same.sampled.standing.spent.requests, same.results[0]["replayed"]) == (0, 4)
    assert "4 of 4 answers were replayed" in same.report
    assert "; 4 answers replayed from the cache" in evaluation.closing(same)


@pytest.mark.slow
def test_more_samples_pay_only_the_difference(policy: Served, problems_file: Path, tmp_path: Path) -> None:
    sampled(policy, problems_file, tmp_path, "--run-id", "r", "--samples", "2", "--no-answer-cache")
    more = sampled(policy, problems_file, tmp_path, "--run-id", "r", "--samples", "3", "--no-answer-cache")
    assert more.sampled.standing.spent.requests == PROBLEMS
    assert more.release.new
    assert len(rows(more.release.uri, "rollouts")) == 3 * PROBLEMS


def test_a_cap_ends_cleanly_and_the_next_start_does_the_rest(
    policy: Served, problems_file: Path, tmp_path: Path
) -> None:
    common = ("--run-id", "r", "--no-answer-cache", "--requests-in-flight", "4")
    first = sampled(policy, problems_file, tmp_path, *common, "--cap-requests", "20")
    assert first.sampled.capped
    assert 0 < first.sampled.missing < PROBLEMS * SAMPLES
    assert first.release.manifest["partial"]
    assert first.release.manifest["figures"]["fates"]["too_few_rollouts"] > 0
    second = sampled(policy, problems_file, tmp_path, *common)
    assert second.sampled.missing == 0
    spent = first.sampled.standing.spent.requests + second.sampled.standing.spent.requests
    assert spent == PROBLEMS * SAMPLES
    assert not second.release.manifest["partial"]
    ids = [(row["sequence_id"], row["sample"]) for row in rows(second.release.uri, "rollouts")]
    assert len(ids) == len(set(ids)) == PROBLEMS * SAMPLES


def test_early_stop_asks_less_and_keeps_the_same_problems(
    whole: Any, policy: Served, problems_file: Path, tmp_path: Path
) -> None:
    """From the same answers: a fresh server answers the n-th time as it did the n-th time before."""
    policy.reset()
    early = sampled(
        policy, problems_file, tmp_path, "--run-id", "r", "--early-stop", "--early-stop-window", "1"
    )
    spent = early.sampled.standing.spent.requests
    assert spent < PROBLEMS * SAMPLES
    assert early.sampled.missing == 0
    figures = early.release.manifest["figures"]
    assert figures["stopped_early"] > 0
    assert figures["fates"]["too_few_rollouts"] == 0
    stopped = [
        r for r in rows(early.release.uri, "rl") + rows(early.release.uri, "rl_dropped") if r["stopped_early"]
    ]
    assert stopped
    assert all(row["rollouts"] < SAMPLES for row in stopped)
    kept = rows(early.release.uri, "rl")
    assert [row["sequence_id"] for row in kept] == [
        row["sequence_id"] for row in rows(whole[0].release.uri, "rl")
    ]
    assert all(0 < row["solvability"] <= 0.46 for row in kept)


def test_another_policy_under_the_same_run_id_is_refused(
    whole: Any, policy: Served, problems_file: Path
) -> None:
    output = Path(whole[0].sampled.run.store.uri)
    with pytest.raises(RunMismatchError, match="policy_model: was 'policy', is now 'other'"):
        sampled(policy, problems_file, output, "--run-id", "r", "--policy-model", "other")


def test_other_problems_under_the_same_run_id_are_refused(
    whole: Any, policy: Served, problems_file: Path, tmp_path: Path
) -> None:
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(problems_file.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    output = Path(whole[0].sampled.run.store.uri)
    with pytest.raises(RunMismatchError, match="problems: was"):
        sampled(policy, fewer, output, "--run-id", "r")


def job(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The job as a process of its own: its Ray's workers have these surroundings."""
    command = [sys.executable, "jobs/rollouts.py", "--run-id", "r", "--local-cpus", "1", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=280, env={**os.environ, **environment}
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", [CrashPoint.ANSWERED, CrashPoint.OUTCOME_MADE, CrashPoint.RECORDS_PUT, CrashPoint.SEGMENT_PUT]
)
def test_an_actor_that_dies_anywhere_loses_and_doubles_no_rollout(
    policy: Served, problems_file: Path, tmp_path: Path, place: CrashPoint
) -> None:
    policy.reset()
    (tmp_path / "once").touch()
    said = job(
        *flags(policy, problems_file, tmp_path / "runs", "--records-in-flight", "2", "--flush-every", "8"),
        CODESEQ_CRASH=f"{place}@{tmp_path / 'once'}",
    )
    assert said.returncode == 0, said.stderr
    assert not (tmp_path / "once").exists()
    made = rows(str(tmp_path / "runs/r/releases/0001"), "rollouts")
    ids = [(row["sequence_id"], row["sample"]) for row in made]
    assert len(ids) == len(set(ids)) == PROBLEMS * SAMPLES
    asked = len([entry for entry in policy.logged() if entry["end"] == "answered"])
    # Answers reach the cache after 5 seconds: until then, what was answered is in the actor that died. That is what
    # two open problems have asked, and the verdicts of one segment.
    assert PROBLEMS * SAMPLES <= asked <= PROBLEMS * SAMPLES + 2 * SAMPLES + 8


@pytest.mark.slow
def test_the_job_works_on_s3(policy: Served, problems_file: Path, s3_server: Any) -> None:
    said = job(*flags(policy, problems_file, "s3://codeseq/rollouts", "--limit", "3"))
    assert said.returncode == 0, said.stderr
    assert "release   s3://codeseq/rollouts/r/releases/0001" in said.stdout
    assert "3  problems asked, 18 rollouts judged" in said.stdout


def test_a_cap_before_the_first_answer_publishes_nothing(
    policy: Served, problems_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(CapReachedError, match="60 of 60 rollouts are still to be judged"):
        sampled(
            policy, problems_file, tmp_path, "--run-id", "s", "--cap-minutes", "0.0001", "--no-answer-cache"
        )
    assert not list(tmp_path.glob("s/releases/*"))


def test_bad_problems_are_said_with_their_place(
    policy: Served, tmp_path: Path, problems: list[dict[str, Any]]
) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps(problems[0]) + "\nnot json\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.jsonl line 2: is not JSON"):
        sampled(policy, broken, tmp_path / "o")
    twice = tmp_path / "twice.jsonl"
    twice.write_text(2 * (json.dumps(problems[0]) + "\n"), encoding="utf-8")
    with pytest.raises(InputError, match="A001000 a second time"):
        sampled(policy, twice, tmp_path / "o")
    with pytest.raises(UsageError, match="there is no release at"):
        sampled(policy, tmp_path / "nothing", tmp_path / "o")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((name, None) for name in COLUMNS if name != "sequence_id"),
        ("program", 7),
        ("cases", [{"input": "1"}]),
        ("cases", []),
    ],
)
def test_a_row_that_could_not_be_published_is_refused_before_anything_is_paid_for(
    policy: Served, tmp_path: Path, problems: list[dict[str, Any]], column: str, value: Any
) -> None:
    policy.reset()
    lacking = tmp_path / "lacking.jsonl"
    lacking.write_text(
        "".join(json.dumps(row) + "\n" for row in (problems[0], {**problems[1], column: value}))
    )
    with pytest.raises(InputError, match=r"lacking\.jsonl, row 2: A001001") as said:
        sampled(policy, lacking, tmp_path / "o")
    assert value is not None or f"lacks `{column}`" in str(said.value)
    assert policy.logged() == []
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("spelled", ["A0001000", "A00100", "A" + 30 * "9", "A٠٠١٠٠٠"])
def test_an_a_number_has_one_spelling(
    policy: Served, tmp_path: Path, problems: list[dict[str, Any]], spelled: str
) -> None:
    """The ledger keeps the number, so another spelling would not find its rollouts again."""
    path = tmp_path / "spelled.jsonl"
    path.write_text(json.dumps({**problems[0], "sequence_id": spelled}), encoding="utf-8")
    with pytest.raises(InputError, match=r"spelled\.jsonl, row 1: lacks a sequence_id like A000045"):
        sampled(policy, path, tmp_path / "o")


def measured(policy: Served, dataset: Path, output: Path, *more: str) -> evaluation.Evaluated:
    settings = load(flags(policy, dataset, output, *more), schema=EvaluateSettings, program="evaluate.py")
    return evaluation.execute(settings, lambda line: None)


def test_an_evaluation_stands_beside_another_and_both_hold_what_was_counted(
    policy: Served, problems_file: Path, tmp_path: Path
) -> None:
    base = measured(policy, problems_file, tmp_path, "--run-id", "gtg")
    mine = base.results[0]
    assert (mine["problems"], mine["left_out"], mine["rollouts"]) == (PROBLEMS, 0, PROBLEMS * SAMPLES)
    figures = mine["figures"]
    assert figures["avg"]["mean"] == pytest.approx(mine["passes"] / (PROBLEMS * SAMPLES))
    assert figures["avg"]["mean"] <= figures["coverage"]["mean"]
    assert figures["pass@1"]["mean"] == pytest.approx(figures["avg"]["mean"])
    assert "pass@8" not in figures  # six samples cannot say
    other = measured(
        policy,
        problems_file,
        tmp_path,
        "--run-id",
        "next",
        "--task",
        "next-number",
        "--beside",
        f"{tmp_path}/gtg",
    )
    assert [result["task"] for result in other.results] == ["next-number", "gtg"]
    assert other.sampled.run.read_json("run.json")["kind"] == "evaluation"
    assert "Not comparable" not in other.report
    written = {
        name: Path(other.where, f"results.{name}").read_text("utf-8") for name in ("json", "md", "svg")
    }
    assert json.loads(written["json"]) == other.results[0]
    assert "| policy | gtg | 10 |" in written["md"]
    assert written["svg"].startswith("<svg")


def test_what_is_no_evaluation_is_not_shown_beside_one(
    policy: Served, problems_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"--beside .*holds no results\.json"):
        measured(policy, problems_file, tmp_path, "--beside", str(tmp_path))
    for told in (
        [],
        {"policy": "p", "task": "gtg", "figures": {"avg": {"mean": 1}}},
        {"policy": "p", "figures": {}},
    ):
        (tmp_path / "results.json").write_text(json.dumps(told), encoding="utf-8")
        with pytest.raises(UsageError, match=r"--beside .*is no evaluation's"):
            measured(policy, problems_file, tmp_path / "o", "--beside", str(tmp_path))
    assert not (tmp_path / "o").exists()
