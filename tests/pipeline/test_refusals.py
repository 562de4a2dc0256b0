"""What is refused before any work, and what a loop actor's death may repeat."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import ray

from codeseq_ray.errors import UsageError
from codeseq_ray.pipeline import cluster, ledger_index
from codeseq_ray.pipeline.run import execute, output_uri
from codeseq_ray.records import Outcome, Sequence, SequenceRecord, Split, Stage
from codeseq_ray.settings import load
from codeseq_ray.store.ledger import LedgerWriter
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.settings import StoreSettings

JOB = Path(__file__).parents[2] / "jobs" / "synthesize.py"


def record(number: int, outcome: Outcome = Outcome.REJECTED) -> SequenceRecord:
    sequence = Sequence(id=f"A{number:06d}", name="x", terms=(1, 2, 3))
    return SequenceRecord(
        sequence=sequence,
        split=Split.SFT,
        family=sequence.id,
        attempt=1,
        agents="builtin",
        outcome=outcome,
        stage=Stage.CASES,
    )


@pytest.mark.usefixtures("small_ray")
def test_a_batch_that_is_handed_out_again_is_only_done_where_the_ledger_lacks_it(tmp_path: Path) -> None:
    run = RunStore(open_store(str(tmp_path)), "r")
    index = ledger_index.start(run.store.uri, run.run_id, StoreSettings())
    batch = dict.fromkeys(range(1, 9), 1) | {3: 2}
    assert ray.get(index.handed_out.remote(batch)) == ([], [])
    writer = LedgerWriter(run, "w")
    for number in (2, 5):
        writer.add(record(number))
    writer.add(record(7, Outcome.FAILED))  # of this attempt there is an outcome; a later start makes the next
    writer.add(record(3))  # of an attempt before this one
    writer.flush()
    assert ray.get(index.handed_out.remote({8: 1, 9: 1, **batch})) == (sorted(batch), [2, 5, 7])
    assert ray.get(index.handed_out.remote({9: 1, 100: 1, 101: 1})) == ([9], [])


@pytest.mark.usefixtures("small_ray")
def test_a_restarted_index_still_knows_what_was_written(tmp_path: Path) -> None:
    run = RunStore(open_store(str(tmp_path)), "r")
    index = ledger_index.start(run.store.uri, run.run_id, StoreSettings())
    ray.get(index.handed_out.remote({1: 1, 2: 1}))
    writer = LedgerWriter(run, "w")
    writer.add(record(2))
    writer.flush()
    ray.kill(index, no_restart=False)
    assert ray.get(index.handed_out.remote({1: 1, 2: 1}))[1] == [2]


@pytest.mark.usefixtures("small_ray")
def test_a_local_folder_on_several_nodes_is_refused_unless_it_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "nodes", lambda: 3)
    flags = ["--output", str(tmp_path), "--run-id", "r", "--limit", "1"]
    with pytest.raises(UsageError, match="3 nodes"):
        execute(load(flags), lambda line: None)
    assert list(tmp_path.iterdir()) == []
    assert execute(load([*flags, "--output-is-shared"]), lambda line: None).ledger.outcomes.total() == 1


def test_a_job_leaves_nothing_in_its_temporary_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    with pytest.raises(UsageError, match="absolute path"):
        output_uri(load(["--output", "runs"]))
    assert Path(output_uri(load([]))).is_absolute()
    assert output_uri(load(["--output", "s3://bucket/x"])) == "s3://bucket/x"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--input", "nowhere"], "nowhere"),
        (["--agents", "llm"], "--generator-url"),
        (["--run-id", "../up"], "run id"),
        (["--output", "ftp://host/x"], "ftp"),
        (["--input", ""], "--input"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_the_job_ends_with_status_2_and_one_message_when_it_cannot_begin(
    flags: list[str], said: str, tmp_path: Path
) -> None:
    output = [] if "--output" in flags else ["--output", str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, str(JOB), *output, *flags], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_preview_shows_sequences_whole_and_stores_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(JOB), "--preview", "2", "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("\noutcome  ") == 2
    assert list(tmp_path.iterdir()) == []
