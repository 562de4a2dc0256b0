"""The jobs on a real Ray: a model comes out that learned its rows, and a lost worker costs no step that was saved."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from codeseq_ray.errors import RunMismatchError, UsageError
from codeseq_ray.pipeline.training.run import closing
from codeseq_ray.settings import GrpoSettings, SftSettings, load
from tests.training.conftest import NEEDED

pytest.importorskip("trl", reason=NEEDED)
psutil = pytest.importorskip("psutil", reason=NEEDED)

pytestmark = pytest.mark.usefixtures("small_ray")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    with path.open("w") as out:
        for n in range(24):
            asked, answered = f"Print {n} times n.", f"```python\nprint({n} * int(input()))\n```"
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
            out.write(json.dumps({"id": f"row-{n}", "messages": turns}) + "\n")
    return path


def sft(model: Path, rows: Path, output: str, *more: str) -> SftSettings:
    argv = ["--model", str(model), "--dataset", str(rows), "--output", output, "--run-id", "r"]
    argv += ["--accumulate", "2", "--no-packing", "--learning-rate", "0.02", "--log-steps", "1"]
    return load([*argv, *more], schema=SftSettings, program="train_sft.py")


def run(settings: SftSettings, said: list[str] | None = None) -> Any:
    from codeseq_ray.pipeline.training import sft as job

    return job.execute(settings, (said if said is not None else []).append)


def test_a_model_learns_its_rows_and_comes_with_card_figures_and_what_is_kept_back(
    model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As people type them: workers stand in another folder than the driver.
    monkeypatch.chdir(tmp_path)
    near = Path(os.path.relpath(model))
    with pytest.raises(UsageError, match="--dataset"):  # which uses no run id up
        run(sft(near, Path("mistyped.jsonl"), "."))
    settings = sft(near, Path(rows.name), ".", "--held-out", "4", "--save-steps", "5", "--merge")
    trained = run(settings)
    folder = tmp_path / "r"
    assert trained.done["steps"] == 10  # 20 rows, two of them a step
    change = trained.done["held_out"]["given"]["change"]
    assert change["low"] <= change["mean"] <= change["high"] < 0
    assert "4 rows of given that were kept back" in closing(trained)
    before, after = (
        json.loads((folder / f"held-out-{when}.json").read_text())["losses"]["given"]
        for when in ("before", "after")
    )
    assert len(before) == 4
    assert sum(after) < sum(before)
    card = (folder / "model" / "README.md").read_text()
    assert "20 rows of given" in card
    assert trained.prepared.digest in card
    assert (folder / "merged" / "model.safetensors").exists()
    assert list((folder / "tensorboard").rglob("events*"))
    log = json.loads((folder / "log.json").read_text())["log"]
    assert [entry["step"] for entry in log if "loss" in entry] == list(range(1, 11))

    said: list[str] = []
    run(settings, said)
    assert any("done before" in line for line in said)
    with pytest.raises(RunMismatchError, match="learning_rate"):
        run(sft(near, Path(rows.name), ".", "--held-out", "4", "--learning-rate", "0.01"))


@pytest.mark.slow
def test_a_start_after_the_last_checkpoint_trains_no_step_more(
    model: Path, rows: Path, tmp_path: Path
) -> None:
    more = ("--save-steps", "5", "--max-steps", "10", "--held-out", "2")
    run(sft(model, rows, str(tmp_path), *more))
    folder = tmp_path / "r"
    after = json.loads((folder / "held-out-after.json").read_text())["losses"]["given"]
    (folder / "trained.json").unlink()
    shutil.rmtree(folder / "model")
    run(sft(model, rows, str(tmp_path), *more))
    assert json.loads((folder / "held-out-after.json").read_text())["losses"]["given"] == pytest.approx(after)
    assert (folder / "model" / "adapter_model.safetensors").exists()
    log = json.loads((folder / "log.json").read_text())["log"]
    assert [entry["step"] for entry in log if "loss" in entry] == list(range(1, 11))


def test_a_lost_worker_goes_on_from_its_last_checkpoint(model: Path, rows: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with Killing(lambda: any("step 4 of" in line and "saved" in line for line in said)) as killed:
        trained = run(sft(model, rows, str(tmp_path), "--save-steps", "2"), said)
    assert killed
    assert trained.done["steps"] == 12
    assert any(line.startswith("a worker was lost") for line in said)
    log = json.loads((tmp_path / "r" / "log.json").read_text())["log"]
    # Every step once, in order: what was done after the last checkpoint was done again and not counted twice.
    assert [entry["step"] for entry in log if "loss" in entry] == list(range(1, 13))
    first = next(n for n, line in enumerate(said) if line.startswith("a worker was lost"))
    again = [int(line.split()[1]) for line in said[first:] if line.startswith("step") and "loss" in line]
    assert min(again) > 4


def test_a_dry_run_shows_what_is_trained_on_and_leaves_nothing(
    model: Path, rows: Path, tmp_path: Path
) -> None:
    from codeseq_ray.pipeline.training import sft as job

    said: list[str] = []
    job.dry_run(sft(model, rows, str(tmp_path / "out"), "--dry-run"), said.append)
    text = "\n".join(said)
    assert "24 rows of given" in text
    shown = text[text.index("TRAINED ON") :]
    assert "print" in shown.replace("|", "")
    assert "times n" not in shown.replace("|", "")
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_there_is_an_error_before_a_worker_starts(rows: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(UsageError, match="--model"):
        run(sft(tmp_path / "none", rows, str(tmp_path)), said)
    assert not any(line.startswith("train:") for line in said)


def test_what_a_worker_cannot_do_as_asked_ends_the_training_at_once(
    model: Path, rows: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    with pytest.raises(UsageError, match="no model can be loaded"):
        run(sft(model, rows, str(tmp_path), "--attention", "by-hand"), said)
    assert not any("was lost" in line for line in said)
    assert not (tmp_path / "r" / "trained.json").exists()


class Killing:
    """Kills the worker of Ray Train once, by SIGKILL, when it is time; true once it was done."""

    def __init__(self, time_has_come: Callable[[], bool]) -> None:
        self._time_has_come, self._over, self._killed = time_has_come, threading.Event(), False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Killing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def __bool__(self) -> bool:
        return self._killed

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            if self._time_has_come() and (workers := list(_workers())):
                os.kill(workers[0], signal.SIGKILL)
                self._killed = True
                return


def _workers() -> Iterator[int]:
    """Workers of Ray Train that this process's own Ray started."""
    for process in psutil.Process().children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(process.cmdline()):
                yield process.pid
        except psutil.Error:
            continue


TWO_SLOTS = """
import json, time, ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
from codeseq_ray.pipeline.training.grpo_worker import scorer
from codeseq_ray.reward.tasks import RewardTask
from codeseq_ray.settings import GrpoSettings, load
argv = ["--model", "m", "--dataset", "d", "--reward-seconds", "20", "--cpu-seconds", "60"]
cases = '{"inputs": ["3", "4"], "outputs": ["6", "8"]}'
task = RewardTask.of(cases, '{"inputs": ["1"], "outputs": ["2"]}', cases, "print(2 * int(input()))", 0.25)
programs = ["while True: pass", "print(2 * int(input()))", "print(1)", "print(int(input()) * 2)"]
begun = time.monotonic()
scores = scorer(load(argv, schema=GrpoSettings, program="t")).score_batch(
    [(task, f"```python\\n{code}\\n```") for code in programs]
)
print(json.dumps([[score.passed, score.reward, score.pass_part] for score in scores] + [time.monotonic() - begun]))
"""


def test_programs_run_on_ray_and_a_slow_one_holds_up_nobody() -> None:
    """The verdict of an endless program does not come within the batch's time: it has no reward, the others have."""
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    told = subprocess.run(
        [sys.executable, "-c", TWO_SLOTS], capture_output=True, text=True, timeout=200, env=environment
    )
    assert told.returncode == 0, told.stderr
    endless, right, wrong, also_right, seconds = json.loads(told.stdout.splitlines()[-1])
    assert endless == [False, None, 0]
    assert right == also_right == [True, right[2], right[2]]
    assert right[2] > 1
    assert wrong == [False, 0, 0]
    assert seconds < 40


@pytest.mark.slow
def test_two_workers_train_one_model(model: Path, rows: Path, tmp_path: Path) -> None:
    """The rows kept back have the losses that one worker finds, in the same order; the model comes out whole."""
    import torch
    from transformers import AutoModelForCausalLM

    from codeseq_ray.training.prepared import HELD_OUT

    full = ("--held-out", "5", "--method", "full", "--learning-rate", "0.001")
    run(sft(model, rows, str(tmp_path / "one"), *full))
    two = sft(
        model,
        rows,
        str(tmp_path / "two"),
        *(*full, "--workers", "2", "--worker-cpus", "0.4", "--accumulate", "1"),
    )
    trained = run(two)
    assert trained.done["steps"] == 10  # 19 rows, two of them a step
    one, both = (
        json.loads((tmp_path / who / "r" / "held-out-before.json").read_text())["losses"]["given"]
        for who in ("one", "two")
    )
    assert both == pytest.approx(one, rel=1e-3)
    after = json.loads((tmp_path / "two" / "r" / "held-out-after.json").read_text())["losses"]["given"]
    assert sum(after) < sum(both)
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "two" / "r" / "model")
    kept_back = pq.read_table(
        tmp_path / "two" / "r" / "prepared" / trained.prepared.files[HELD_OUT][0]
    ).to_pylist()
    with torch.no_grad():
        losses = [
            whole(**{name: torch.tensor([row[name]]) for name in ("input_ids", "labels")}).loss.item()
            for row in kept_back
        ]
    assert losses == pytest.approx(after, rel=1e-3)


@pytest.mark.slow
def test_a_job_in_s3_goes_on_where_it_was_told_to_stop(model: Path, rows: Path, s3_server: Any) -> None:
    from codeseq_ray.store.objects import open_store

    command = [sys.executable, "jobs/train_sft.py", "--model", str(model), "--dataset", str(rows)]
    command += ["--output", "s3://codeseq/training", "--run-id", "r", "--accumulate", "2", "--no-packing"]
    command += ["--save-steps", "3", "--log-steps", "1", "--local-cpus", "1"]
    environment = {**os.environ, **s3_server.environment, "RAY_AUTH_MODE": "disabled"}
    job = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    assert job.stdout is not None
    for line in job.stdout:
        if line.startswith("step 6 of") and "saved" in line:
            job.send_signal(signal.SIGTERM)
            break
    rest = job.stdout.read()
    assert job.wait(timeout=120) == 1, rest
    assert "--run-id" in rest
    again = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    assert again.returncode == 0, again.stdout + again.stderr
    steps = [
        int(line.split()[1])
        for line in again.stdout.splitlines()
        if line.startswith("step") and "loss" in line
    ]
    assert steps[0] == 7
    assert max(steps) == 12
    names = set(open_store("s3://codeseq/training/r").list("model/"))
    assert {"model/adapter_model.safetensors", "model/README.md", "model/tokenizer.json"} <= names


@pytest.mark.slow
def test_sft_and_then_grpo_on_programs_that_run(model: Path, tmp_path: Path) -> None:
    """A tiny model learns one answer by heart; GRPO samples it, and what its program and its case earn is logged."""
    from codeseq_ray.pipeline.training import grpo as job
    from codeseq_ray.store import parquet
    from codeseq_ray.training.problems import PROBLEMS

    asked = [{"role": "user", "content": "Print n times 2."}]
    answer = "On input 3 it should give 6.\n```python\nprint(2 * int(input()))\n```"
    learned = tmp_path / "learned.jsonl"
    with learned.open("w") as out:
        for n in range(120):
            turns = [*asked, {"role": "assistant", "content": answer}]
            out.write(json.dumps({"id": str(n), "messages": turns}) + "\n")
    by_heart = ("--method", "full", "--learning-rate", "0.01", "--log-steps", "20", "--save-steps", "60")
    run(sft(model, learned, str(tmp_path), *by_heart))

    cases = '{"inputs": ["3", "4"], "outputs": ["6", "8"]}'
    problem = {
        "prompt": asked,
        "ground_truth": cases,
        "examples": '{"inputs": ["1"], "outputs": ["2"]}',
        "known_cases": cases,
        "reference_program": "print(2 * int(input()))",
        "solvability": 0.25,
    }
    path = tmp_path / "rl.parquet"
    path.write_bytes(parquet.encode([{**problem, "problem_id": f"A00000{n}-x"} for n in range(4)], PROBLEMS))
    argv = [
        "--model",
        str(tmp_path / "r" / "model"),
        "--dataset",
        str(path),
        "--output",
        str(tmp_path),
        "--run-id",
        "g",
    ]
    argv += ["--generations", "2", "--accumulate", "2", "--completion-tokens", "90", "--log-steps", "1"]
    argv += ["--temperature", "0.2", "--reward-case-weight", "0.5"]
    settings = load(argv, schema=GrpoSettings, program="train_grpo.py")
    assert job.execute(settings, lambda line: None).done["steps"] == 4
    log = [
        entry for entry in json.loads((tmp_path / "g" / "log.json").read_text())["log"] if "reward" in entry
    ]
    assert len(log) == 4
    for entry in log:
        assert entry["reward"] == pytest.approx(entry["cssr/pass_part"] + entry["cssr/case_part"], rel=1e-4)
        assert entry["cssr/not_judged"] == 0
    # w(0.25) = −ln(0.251), and half for the case.
    assert max(entry["cssr/pass_part"] for entry in log) == pytest.approx(1.382, abs=0.01)
    assert max(entry["cssr/case_part"] for entry in log) == pytest.approx(0.5)
    assert (tmp_path / "g" / "model" / "adapter_model.safetensors").exists()


def test_fewer_problems_than_a_step_takes_are_an_error_and_no_empty_training(
    model: Path, tmp_path: Path
) -> None:
    from codeseq_ray.pipeline.training import grpo as job
    from codeseq_ray.store import parquet
    from codeseq_ray.training.problems import PROBLEMS

    row = dict.fromkeys(PROBLEMS.names, '{"inputs": ["1"], "outputs": ["2"]}')
    path = tmp_path / "rl.parquet"
    turns = [{"role": "user", "content": "?"}]
    path.write_bytes(parquet.encode([{**row, "prompt": turns, "solvability": 0.25}], PROBLEMS))
    argv = ["--model", str(model), "--dataset", str(path), "--output", str(tmp_path), "--run-id", "g"]
    settings = load([*argv, "--generations", "2"], schema=GrpoSettings, program="train_grpo.py")
    with pytest.raises(UsageError, match="a step takes 4"):
        job.execute(settings, lambda line: None)
