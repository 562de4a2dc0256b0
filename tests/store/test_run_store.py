"""A run's own objects: manifest and plan."""

from __future__ import annotations

import pickle

import pyarrow.parquet as pq
import pytest
from synthetic import MemoryStore, plan_row

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.records import Split
from codeseq_ray.store import run as run_module
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore


@pytest.mark.parametrize("run_id", ["", ".", "..", ".x", "a/b", "a b", "-x", "x" * 101, "a\n", "é"])
def test_a_run_id_that_cannot_name_a_folder_is_refused(run_id: str) -> None:
    with pytest.raises(UsageError, match="not a run id"):
        RunStore(MemoryStore(), run_id)


def test_the_manifest_comes_back_and_a_new_run_has_none(store_uri: str) -> None:
    run = RunStore(open_store(store_uri), "run-1")
    assert run.read_manifest() is None
    run.write_manifest({"b": [1, "ü"], "a": None})
    assert pickle.loads(pickle.dumps(run)).read_manifest() == {"b": [1, "ü"], "a": None}
    assert RunStore(open_store(store_uri), "run-2").read_manifest() is None


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_a_damaged_manifest_is_named_not_ignored(body: bytes) -> None:
    run = RunStore(MemoryStore(), "r")
    run.store.put("r/run.json", body)
    with pytest.raises(StoreError, match=r"memory/r/run\.json"):
        run.read_manifest()


def test_a_plan_comes_back_in_its_order_over_several_parts(
    store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "PLAN_PART_ROWS", 10)
    run = RunStore(open_store(store_uri), "r")
    splits = list(Split)
    rows = [plan_row(i, split=splits[i % 3], reason="keyword" if i % 4 else "") for i in range(25)]
    assert run.write_plan(iter(rows)) == 25
    assert list(run.list("plan/")) == [f"plan/part-{i:05d}.parquet" for i in range(3)]
    assert list(run.read_plan()) == rows


def test_a_shorter_plan_leaves_nothing_of_the_longer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "PLAN_PART_ROWS", 10)
    run = RunStore(MemoryStore(), "r")
    run.write_plan(plan_row(i) for i in range(25))
    run.write_plan(plan_row(i) for i in range(100, 105))
    assert [row.sequence_id for row in run.read_plan()] == [f"A{i:06d}" for i in range(100, 105)]


def test_plan_files_have_the_contracts_columns(
    store_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = RunStore(open_store(store_uri), "r")
    run.write_plan([plan_row(45, split=Split.RL, reason="keyword")])
    file = tmp_path_factory.mktemp("plan") / "part.parquet"
    file.write_bytes(run.store.get("r/plan/part-00000.parquet"))
    assert pq.read_table(file).to_pylist() == [
        {"sequence_id": "A000045", "family": "F0", "split": "rl", "selected": False, "reason": "keyword"}
    ]


def test_a_plan_part_that_is_no_parquet_is_named() -> None:
    run = RunStore(MemoryStore(), "r")
    run.store.put("r/plan/part-00000.parquet", b"PAR1 not really")
    with pytest.raises(StoreError, match=r"memory/r/plan/part-00000\.parquet"):
        list(run.read_plan())
