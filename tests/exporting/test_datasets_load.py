"""`datasets` reads every export as it lies: by its folder and config, and file by file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from building import export, file_rows

datasets: Any = pytest.importorskip("datasets", reason="the package datasets is not installed")

TARGETS = ("trl", "verl", "llama-factory", "jsonl", "hub-folder")


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("with_rollouts", [False, True])
def test_every_config_opens_by_its_name_with_every_row(
    to: str, with_rollouts: bool, release: Path, rollouts: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "x"
    export(release, to, folder, *(("--rollouts", str(rollouts)) if with_rollouts else ()))
    files = json.loads((folder / "export.json").read_text(encoding="utf-8"))["files"]
    told = {(f["config"], f["split"]): (name, f["rows"]) for name, f in files.items() if "rows" in f}
    names = datasets.get_dataset_config_names(str(folder))
    assert set(names) == {config for config, _ in told}
    for (config, split), (name, rows) in told.items():
        read = datasets.load_dataset(str(folder), config, split=split, cache_dir=str(tmp_path / "cache"))
        assert len(read) == rows
        assert read.to_list() == file_rows(folder / name)
    if with_rollouts and to != "llama-factory":
        assert ("rl", "train") in told


def test_a_column_of_nulls_has_its_type_and_files_open_alone(release: Path, tmp_path: Path) -> None:
    export(release, "trl", tmp_path / "x")
    read = datasets.load_dataset(str(tmp_path / "x"), "rl", split="train", cache_dir=str(tmp_path / "c"))
    assert read.features["solvability"].dtype == "float64"
    assert read.features["first_pass"].dtype == "int32"
    alone = datasets.load_dataset(
        "json", data_files=str(tmp_path / "x/rl.jsonl"), split="train", cache_dir=str(tmp_path / "c")
    )
    assert alone["prompt"][:] == read["prompt"][:]


def test_nulls_before_the_first_value_do_no_harm(release: Path, tmp_path: Path) -> None:
    """Of rejections, the first thousand may have no cases; readers that guess a type by them would fail later."""
    export(release, "jsonl", tmp_path / "x")
    path = tmp_path / "x/rejected.jsonl"
    rows = file_rows(path)
    hollow = {**rows[0], "cases": None, "far_cases": None, "program": None, "detail": "x" * 2_000}
    whole = {**rows[0], "cases": [{"input": "1", "output": "2"}], "program": "print(2)"}
    with path.open("w", encoding="utf-8") as file:
        for row in [*[hollow] * 100, whole]:
            file.write(json.dumps(row) + "\n")
    read = datasets.load_dataset(
        str(tmp_path / "x"), "rejected", split="train", cache_dir=str(tmp_path / "c"), chunksize=16 << 10
    )
    assert read[100]["cases"] == whole["cases"]
    assert read[0]["cases"] is None
