"""What holds before and around a training: room on the cluster, the run's lease, whose errors end it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from codeseq_ray.errors import RunInUseError, TrainingEndedError, UsageError
from codeseq_ray.pipeline.training import before
from codeseq_ray.pipeline.training.run import held
from codeseq_ray.settings import GrpoSettings, SftSettings, TrainSettings, load
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore
from tests.training.conftest import NEEDED


def asked(*more: str, schema: Any = SftSettings) -> TrainSettings:
    settings: TrainSettings = load(["--model", "m", "--dataset", "d", *more], schema=schema, program="t")
    return settings


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Any:
    def are(*cpus: float) -> None:
        told = [{"Alive": True, "Resources": {"CPU": one}} for one in cpus]
        monkeypatch.setattr(before.ray, "nodes", lambda: told)
        monkeypatch.setattr(before.ray, "cluster_resources", lambda: {"CPU": sum(cpus)})
        monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)

    return are


@pytest.mark.parametrize(
    ("cpus", "workers", "each"),
    [
        ((4, 4), 1, 4),
        ((4, 4), 2, 4),
        ((4, 4, 4), 2, 4),
        ((8,), 2, 4),
        ((1,), 2, 0.5),
        ((8, 2), 2, 4),  # both on the larger one
        ((0, 8, 8), 3, 4),  # a head that gives none
    ],
)
def test_a_worker_never_asks_for_more_than_a_node_has(
    nodes: Any, cpus: tuple[float, ...], workers: int, each: float
) -> None:
    nodes(*cpus)
    assert before.room(asked("--workers", str(workers)), print).cpus == each


@pytest.mark.parametrize(("cpus", "workers", "each"), [((2,), 1, 1), ((4, 4), 2, 3), ((2, 8), 2, 4)])
def test_workers_leave_room_for_a_program_on_one_node(
    nodes: Any, cpus: tuple[float, ...], workers: int, each: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes(*cpus)
    for asks_the_cluster in ("require_memory", "require_walls"):
        monkeypatch.setattr(before, asks_the_cluster, lambda *_: None)
    settings = asked("--workers", str(workers), "--generations", "2", schema=GrpoSettings)
    assert before.room(settings, print).cpus == each


def test_workers_that_no_node_can_hold_are_refused_and_not_waited_for(nodes: Any) -> None:
    nodes(4, 4)
    with pytest.raises(UsageError, match="2 nodes with CPUs, 4 at most, and no room for 6"):
        before.room(asked("--worker-cpus", "6"), print)


def test_pieces_of_a_model_are_refused_where_every_worker_would_hold_it_whole(nodes: Any) -> None:
    nodes(8)
    with pytest.raises(UsageError, match="--strategy fsdp needs GPUs"):
        before.room(asked("--strategy", "fsdp", "--workers", "2"), print)


def test_a_run_that_another_driver_takes_over_ends_here(tmp_path: Path) -> None:
    run = RunStore(open_store(str(tmp_path)), "r")

    def train_for_long() -> None:
        with held(run, asked(), print):
            run.write_json("lease/000002.json", {"host": "elsewhere", "beats": 0})
            time.sleep(60)

    with pytest.raises(RunInUseError, match="taken run r over"):
        train_for_long()


@pytest.mark.parametrize("error", [UsageError("of the settings"), TrainingEndedError("no verdicts")])
def test_an_error_that_would_come_again_ends_the_training_whichever_worker_has_it(error: Exception) -> None:
    pytest.importorskip("trl", reason=NEEDED)
    from ray.train.v2.api.exceptions import ControllerError

    from codeseq_ray.pipeline.training.following import Follower

    follower = Follower(board=None)  # type: ignore[arg-type]
    with pytest.raises(ControllerError) as ended:
        follower.after_exception(None, {0: RuntimeError("peer closed the connection"), 1: error})
    assert ended.value.controller_failure is error


def test_a_server_with_a_password_in_its_address_is_refused() -> None:
    """Settings are stored with the run, and printed on the model's card."""
    with pytest.raises(UsageError, match="vllm") as refused:
        asked("--vllm", "server", "--vllm-url", "http://me:secret@host:8000", schema=GrpoSettings)
    assert "secret" not in str(refused.value)
