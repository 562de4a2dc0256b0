"""The main job on a real Ray with one CPU: whatever is asked for must end."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ray.data import DataContext

from codeseq_ray.errors import RunMismatchError
from codeseq_ray.pipeline.run import RunResult, execute
from codeseq_ray.records import Outcome
from codeseq_ray.settings import load
from codeseq_ray.store.ledger import read_ledger

pytestmark = pytest.mark.usefixtures("small_ray")

Job = Callable[..., RunResult]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    output = tmp_path_factory.mktemp("out")

    def start(*flags: str) -> RunResult:
        said: list[str] = []
        result = execute(load(["--output", str(output), "--log-seconds", "1", *flags]), said.append)
        result.said = said  # type: ignore[attr-defined]
        return result

    return start


def segments(result: RunResult) -> list[str]:
    return list(result.run.list("ledger/"))


def rows(result: RunResult, config: str) -> list[dict[str, object]]:
    names = list(result.run.list(f"{result.release.name}/data/{config}/"))
    return [r for _, body in result.run.read_all(names) for r in pq.read_table(io.BytesIO(body)).to_pylist()]


@pytest.mark.slow
def test_eight_actors_on_one_cpu_bring_every_selected_sequence_to_one_outcome(job: Job) -> None:
    result = job("--run-id", "whole", "--limit", "70", "--loop-actors-min", "8", "--loop-actors-max", "8")
    outcomes = result.ledger.outcomes
    assert outcomes.total() == result.in_scope == 70
    assert outcomes[Outcome.FAILED] == 0
    assert outcomes[Outcome.ACCEPTED] > 30
    plan = list(result.run.read_plan())
    assert len({row.sequence_id for row in plan}) == len(plan) == result.planned
    problems = rows(result, "problems")
    assert len(problems) == outcomes[Outcome.ACCEPTED]
    assert len(rows(result, "rejected")) == outcomes[Outcome.REJECTED]
    split = {row.sequence_id: row.split.value for row in plan}
    for row in problems:
        assert row["license"]
        assert str(row["source_url"]).endswith(str(row["sequence_id"]))
        assert row["walls"]
    sft = rows(result, "sft")
    assert {r["sequence_id"] for r in sft} == {
        r["sequence_id"] for r in problems if split[str(r["sequence_id"])] == "sft"
    }


def test_a_second_start_does_nothing_twice_and_a_larger_limit_goes_on(job: Job) -> None:
    first = job("--run-id", "again", "--limit", "15")
    before = segments(first)
    again = job("--run-id", "again", "--limit", "15", "--loop-actors-max", "1", "--task-batch", "4")
    assert segments(again) == before
    assert again.release.name == first.release.name == "releases/0001"
    assert any("15 of 15 done" in line for line in again.said)  # type: ignore[attr-defined]
    more = job("--run-id", "again", "--limit", "25")
    assert set(before) < set(segments(more))
    done = [n for name, body in more.run.read_all(segments(more)) for n in _ids(body)]
    assert len(done) == len(set(done)) == 25
    assert more.release.name == "releases/0002"
    assert json.loads(more.run.store.get(more.run.key("latest.json"))) == {"release": "releases/0002"}


def _ids(body: bytes) -> list[str]:
    return [str(v) for v in pq.read_table(io.BytesIO(body))["sequence_id"].to_pylist()]


@pytest.mark.parametrize(
    ("flag", "name"), [(("--seed", "5"), "seed"), (("--corrections", "2"), "corrections")]
)
def test_other_settings_that_change_rows_are_refused_by_name(
    job: Job, flag: tuple[str, str], name: str
) -> None:
    job("--run-id", "fixed", "--limit", "1")
    with pytest.raises(RunMismatchError, match=rf"{name}: was .*, is now "):
        job("--run-id", "fixed", "--limit", "1", *flag)


def test_another_input_under_the_same_run_id_is_refused(job: Job, tmp_path: Path) -> None:
    job("--run-id", "input", "--limit", "1")
    squares = ",".join(str(n * n) for n in range(30))
    (tmp_path / "stripped").write_text(f"A000290 ,{squares},\n")
    (tmp_path / "names").write_text("A000290 The squares.\n")
    with pytest.raises(RunMismatchError, match="input: was"):
        job("--run-id", "input", "--input", str(tmp_path))


def test_bad_lines_are_counted_with_their_place_and_the_rest_goes_through(job: Job, tmp_path: Path) -> None:
    squares, cubes = (",".join(str(n**k) for n in range(30)) for k in (2, 3))
    (tmp_path / "stripped").write_text(
        f"# a comment\nA000290 ,{squares},\nA000300 ,1,2,x,4,\nnonsense\nA000578 ,{cubes},\n"
    )
    (tmp_path / "names").write_text("A000290 The squares.\nA000300 Broken.\nA000578 The cubes.\n")
    result = job("--run-id", "bad", "--input", str(tmp_path))
    assert result.ledger.outcomes == {Outcome.ACCEPTED: 2}
    assert sum(result.diagnostics.values()) >= 2
    manifest = result.run.read_manifest()
    assert manifest is not None
    assert any("stripped:3:" in line for line in manifest["diagnostics"]["first"])
    assert any("stripped:4:" in line for line in manifest["diagnostics"]["first"])


def test_no_secret_and_no_time_is_stored_with_the_run(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESEQ_GENERATOR_API_KEY", "sk-very-secret")
    result = job("--run-id", "secret", "--limit", "1")
    for _, body in result.run.read_all(list(result.run.list(""))):
        assert b"sk-very-secret" not in body
    assert read_ledger(result.run).outcomes.total() == 1


def test_a_batch_may_take_longer_than_ray_datas_patience(job: Job) -> None:
    # Ray Data ends an execution of which no batch was finished within this time; a batch is 64 whole loops.
    job("--run-id", "patient", "--limit", "2")
    assert DataContext.get_current().execution_no_progress_timeout_s == -1
