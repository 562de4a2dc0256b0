"""A family is in one of sft, rl and eval, in every export and in several together; where it is not, that is found."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import NUMBERS, export, family_of, lines_of, make_release, split_of

from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.exporting import __main__ as look
from codeseq_ray.exporting.checking import check
from codeseq_ray.exporting.families import FamilyLeakError
from jobs import export as job

TARGETS = ("trl", "verl", "llama-factory", "jsonl", "hub-folder")


def moved(release: Path, to: Path) -> Path:
    """A copy in which a family of the split `eval` has a row in `rl`, all checksums made anew."""
    copy = Path(shutil.copytree(release, to))
    source, target = (next((copy / "data/problems").glob(f"{split}-*")) for split in ("eval", "rl"))
    foreign = pq.read_table(source).to_pylist()[0]
    rows = [*pq.read_table(target).to_pylist(), {**foreign, "sequence_id": "A999999"}]
    pq.write_table(pa.Table.from_pylist(rows, schema=CONFIGS["problems"]), target)
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    name = target.relative_to(copy).as_posix()
    manifest["files"][name]["sha256"] = hashlib.sha256(target.read_bytes()).hexdigest()
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return copy


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("with_rollouts", [False, True])
def test_no_family_crosses_in_any_export(
    to: str, with_rollouts: bool, release: Path, rollouts: Path, tmp_path: Path
) -> None:
    export(release, to, tmp_path / "x", *(("--rollouts", str(rollouts)) if with_rollouts else ()))
    found = check([tmp_path / "x"])
    assert found.sound
    assert found.crossing() == {"family": {}, "sequence": {}}
    wanted = ("sft",) if to == "llama-factory" else ("sft", "rl", "eval")
    for split in wanted:
        families = {name for name, splits in found.splits_of["family"].items() if splits == {split}}
        assert families
        assert families <= {family_of(n) for n in NUMBERS if split_of(n) == split}


@pytest.mark.parametrize("to", ["trl", "verl", "jsonl", "hub-folder"])
def test_a_release_in_which_a_family_crosses_is_not_exported(to: str, release: Path, tmp_path: Path) -> None:
    copy = moved(release, tmp_path / "moved")
    with pytest.raises(FamilyLeakError, match="has rows in"):
        export(copy, to, tmp_path / "x")
    assert {path.name for path in tmp_path.iterdir()} == {"moved"}


def test_two_exports_that_leak_only_together_are_found(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SFT files of one release, RL files of another that drew its splits otherwise."""
    export(release, "llama-factory", tmp_path / "sft")
    export(release, "verl", tmp_path / "rl")
    assert look.main([str(tmp_path / "sft"), str(tmp_path / "rl")]) == 0
    said = capsys.readouterr().out
    assert "in two splits: 0 of" in said
    rows = lines_of(tmp_path / "sft/codeseq_sft.jsonl")
    other = make_release(tmp_path / "other", range(40, 60))
    export(other, "trl", tmp_path / "trl")
    lines = lines_of(tmp_path / "trl/rl.jsonl")
    lines[0]["family"] = rows[3]["family"]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    (tmp_path / "trl/rl.jsonl").write_bytes(body)
    manifest = json.loads((tmp_path / "trl/export.json").read_text(encoding="utf-8"))
    manifest["files"]["rl.jsonl"]["sha256"] = hashlib.sha256(body).hexdigest()
    (tmp_path / "trl/export.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert look.main([str(tmp_path / "trl")]) == 0
    capsys.readouterr()
    assert look.main([str(tmp_path / "sft"), str(tmp_path / "trl")]) == 1
    said = capsys.readouterr().out
    assert f"{rows[3]['family']}: rl, sft" in said


def test_a_file_that_is_not_the_exported_one_is_found(release: Path, tmp_path: Path) -> None:
    export(release, "trl", tmp_path / "x")
    with (tmp_path / "x/rl.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    found = check([tmp_path / "x"])
    assert found.damaged == [str(tmp_path / "x/rl.jsonl")]
    assert not found.sound
    assert look.main([str(tmp_path)]) == 2


def test_the_job_ends_with_status_1_for_a_leak(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = moved(release, tmp_path / "moved")
    with pytest.raises(FamilyLeakError):
        job.main(["--dataset", str(copy), "--to", "verl", "--output", str(tmp_path / "x")])
