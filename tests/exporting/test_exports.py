"""Every target has the rows that it should have, each with its source, and nothing of a half-made export is seen."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from building import (
    accepted,
    export,
    file_rows,
    lines_of,
    numbers_where,
    rows_of,
    split_of,
)

from codeseq_ray.dataset.prompts import INSTRUCTION
from codeseq_ray.errors import UsageError
from codeseq_ray.records import ATTRIBUTION, LICENSE, Split
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.releases import FORMAT_VERSION
from codeseq_ray.store.settings import StoreSettings
from codeseq_ray.verifying.findings import Code, Finding
from codeseq_ray.verifying.published import open_published
from jobs import export as job

FORMS = {
    "trl": ("trl", ()),
    "trl-parquet": ("trl", ("--format", "parquet")),
    "trl-completion": ("trl", ("--prompt-completion",)),
    "verl": ("verl", ()),
    "llama-factory": ("llama-factory", ()),
    "jsonl": ("jsonl", ()),
    "hub-folder": ("hub-folder", ()),
}


def of_split(split: Split) -> list[str]:
    return numbers_where(lambda n: accepted(n) and split_of(n) is split)


def manifest_of(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    return told


def id_of(row: dict[str, Any]) -> str:
    return str(row.get("sequence_id") or row["extra_info"]["sequence_id"])


@pytest.mark.parametrize("form", FORMS)
def test_the_manifest_tells_every_file_as_it_is(form: str, release: Path, tmp_path: Path) -> None:
    to, flags = FORMS[form]
    export(release, to, tmp_path / "x", *flags)
    told = manifest_of(tmp_path / "x")
    there = {p.relative_to(tmp_path / "x").as_posix() for p in (tmp_path / "x").rglob("*") if p.is_file()}
    assert set(told["files"]) == there - {"export.json"}
    for name, file in told["files"].items():
        body = (tmp_path / "x" / name).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
        if "rows" in file:
            assert len(file_rows(tmp_path / "x" / name)) == file["rows"] > 0
    origin = told["made_from"]["dataset"]
    manifest = json.loads((release / "manifest.json").read_text(encoding="utf-8"))
    assert origin["uri"] == str(release)
    assert {k: origin[k] for k in ("run_id", "fingerprint", "outcome_digest")} == {
        k: manifest[k] for k in ("run_id", "fingerprint", "outcome_digest")
    }


@pytest.mark.parametrize("form", FORMS)
def test_licence_and_attribution_survive(form: str, release: Path, tmp_path: Path) -> None:
    to, flags = FORMS[form]
    export(release, to, tmp_path / "x", *flags)
    for name in ("LICENSE.md", "README.md"):
        text = (tmp_path / "x" / name).read_text(encoding="utf-8")
        assert LICENSE in text
        assert ATTRIBUTION in text
    for name, file in manifest_of(tmp_path / "x")["files"].items():
        if "rows" not in file or to == "hub-folder":
            continue
        for row in file_rows(tmp_path / "x" / name):
            said = row.get("extra_info") if to == "verl" and "extra_info" in row else row
            assert said["license"] == LICENSE
            assert said["source_url"] == f"https://oeis.org/{id_of(row)}"
            assert file["config"] == "outcomes" or said["attribution"] == ATTRIBUTION


@pytest.mark.parametrize(
    ("form", "name", "split"),
    [
        ("trl", "sft.jsonl", Split.SFT),
        ("trl", "rl.jsonl", Split.RL),
        ("trl", "eval.jsonl", Split.EVAL),
        ("trl-parquet", "sft.parquet", Split.SFT),
        ("trl-completion", "sft.jsonl", Split.SFT),
        ("verl", "sft.parquet", Split.SFT),
        ("verl", "rl.parquet", Split.RL),
        ("verl", "eval.parquet", Split.EVAL),
        ("llama-factory", "codeseq_sft.jsonl", Split.SFT),
        ("jsonl", "problems-eval.jsonl", Split.EVAL),
        ("jsonl", "sft.jsonl", Split.SFT),
        ("jsonl", "rl.jsonl", Split.RL),
    ],
)
def test_a_file_holds_its_split_whole_once_and_in_order(
    form: str, name: str, split: Split, release: Path, tmp_path: Path
) -> None:
    to, flags = FORMS[form]
    export(release, to, tmp_path / "x", *flags)
    assert [id_of(row) for row in file_rows(tmp_path / "x" / name)] == of_split(split)


def test_sft_rows_are_the_releases_turns_and_know_their_family(release: Path, tmp_path: Path) -> None:
    wanted = {row["problem_id"]: row for row in rows_of(release, "sft")}
    families = {row["problem_id"]: row["family"] for row in rows_of(release, "problems", "sft")}
    export(release, "trl", tmp_path / "a")
    export(release, "trl", tmp_path / "b", "--prompt-completion")
    for row, parted in zip(
        lines_of(tmp_path / "a/sft.jsonl"), lines_of(tmp_path / "b/sft.jsonl"), strict=True
    ):
        before = wanted[row["problem_id"]]
        assert row["messages"] == before["messages"]
        assert [*parted["prompt"], *parted["completion"]] == before["messages"]
        assert [turn["role"] for turn in parted["completion"]] == ["assistant"]
        assert "messages" not in parted
        assert row["family"] == families[row["problem_id"]]


def test_verl_rows_have_verls_columns_and_a_truth_that_is_json(release: Path, tmp_path: Path) -> None:
    export(release, "verl", tmp_path / "x")
    schema = pq.read_schema(tmp_path / "x/rl.parquet")
    assert schema.names == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    problems = {row["problem_id"]: row for row in rows_of(release, "problems", "rl")}
    for place, row in enumerate(file_rows(tmp_path / "x/rl.parquet")):
        problem = problems[row["extra_info"]["problem_id"]]
        assert json.loads(row["reward_model"]["ground_truth"]) == {
            "inputs": [case["input"] for case in problem["cases"]],
            "outputs": [case["output"] for case in problem["cases"]],
        }
        assert row["reward_model"]["style"] == "rule"
        assert [turn["role"] for turn in row["prompt"]] == ["user"]
        assert row["prompt"][0]["content"].endswith(INSTRUCTION)
        assert (row["extra_info"]["index"], row["extra_info"]["split"]) == (place, "train")
        assert row["extra_info"]["solvability"] is None
    assert {row["extra_info"]["split"] for row in file_rows(tmp_path / "x/eval.parquet")} == {"test"}


@pytest.mark.parametrize("to", ["trl", "verl", "jsonl"])
def test_with_rollouts_rl_is_what_they_kept_with_its_solvability(
    to: str, release: Path, rollouts: Path, tmp_path: Path
) -> None:
    export(release, to, tmp_path / "x", "--rollouts", str(rollouts))
    kept = {row["sequence_id"]: row for row in rows_of(rollouts, "rl")}
    assert 0 < len(kept) < len(of_split(Split.RL))
    rows = file_rows(tmp_path / "x" / ("rl.parquet" if to == "verl" else "rl.jsonl"))
    assert [id_of(row) for row in rows] == list(kept)
    for row in rows:
        assert (row["extra_info"] if to == "verl" else row)["solvability"] == 0.25
        if to != "verl":
            assert row["policy"] == kept[row["sequence_id"]]["policy"]
    told = manifest_of(tmp_path / "x")["made_from"]["rollouts"]
    assert (told["uri"], told["fingerprint"]) == (str(rollouts), "beef")
    if to == "jsonl":
        there = {path.name for path in (tmp_path / "x").glob("*.jsonl")}
        assert {"rl_dropped.jsonl", "rollouts.jsonl"} <= there


def test_a_hub_folder_is_the_releases_files_to_the_byte(release: Path, tmp_path: Path) -> None:
    export(release, "hub-folder", tmp_path / "x")
    for path in release.rglob("*"):
        if path.is_file():
            assert (tmp_path / "x" / path.relative_to(release)).read_bytes() == path.read_bytes()


def test_a_hub_folder_is_still_the_release_to_whoever_verifies_it(
    release: Path, rollouts: Path, tmp_path: Path
) -> None:
    export(release, "hub-folder", tmp_path / "x")
    export(release, "hub-folder", tmp_path / "y", "--rollouts", str(rollouts))
    for folder in ("x", "y"):
        found: list[Finding] = []
        open_published(str(tmp_path / folder), StoreSettings(), print).check_files(found.append)
        assert not [one for one in found if one.code is not Code.NOTE]
        assert "export.json" in {one.where for one in found if one.code is Code.NOTE}
    (tmp_path / "x/data/problems/more.parquet").write_bytes(b"")
    found = []
    open_published(str(tmp_path / "x"), StoreSettings(), print).check_files(found.append)
    assert [one.where for one in found if one.code is Code.FILE_UNEXPECTED] == ["data/problems/more.parquet"]


def test_a_hub_folder_with_rollouts_has_one_card_for_all_configs(
    release: Path, rollouts: Path, tmp_path: Path
) -> None:
    export(release, "hub-folder", tmp_path / "x", "--rollouts", str(rollouts))
    text = (tmp_path / "x/README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    configs = {config["config_name"]: config for config in front["configs"]}
    assert {"problems", "sft", "rejected", "outcomes", "rl", "rl_dropped", "rollouts"} == set(configs)
    assert [name for name, config in configs.items() if config.get("default")] == ["problems"]
    for config in configs.values():
        for file in config["data_files"]:
            assert list((tmp_path / "x").glob(file["path"]))
    for card in (release / "README.md", rollouts / "README.md"):
        told = [line for line in card.read_text(encoding="utf-8").split("---\n", 2)[2].splitlines() if line]
        assert all(line in text for line in told)
    assert text.count("\n# ") == 1
    assert (tmp_path / "x/rollouts.README.md").read_bytes() == (rollouts / "README.md").read_bytes()
    assert (tmp_path / "x/rollouts.manifest.json").read_bytes() == (rollouts / "manifest.json").read_bytes()


def test_the_same_release_gives_the_same_bytes(release: Path, tmp_path: Path) -> None:
    for to in ("trl", "verl", "llama-factory", "jsonl", "hub-folder"):
        export(release, to, tmp_path / "a" / to)
        export(release, to, tmp_path / "b" / to)
        assert {p.name: p.read_bytes() for p in (tmp_path / "a" / to).iterdir() if p.is_file()} == {
            p.name: p.read_bytes() for p in (tmp_path / "b" / to).iterdir() if p.is_file()
        }


def test_what_is_there_is_replaced_only_when_asked_and_only_an_export(release: Path, tmp_path: Path) -> None:
    export(release, "verl", tmp_path / "x")
    with pytest.raises(UsageError, match="--overwrite replaces"):
        export(release, "trl", tmp_path / "x")
    assert (tmp_path / "x/rl.parquet").is_file()
    export(release, "trl", tmp_path / "x", "--overwrite")
    assert not (tmp_path / "x/rl.parquet").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match=r"no export \(thesis.tex"):
        export(release, "trl", tmp_path / "mine", "--overwrite")
    assert (tmp_path / "mine/thesis.tex").read_text(encoding="utf-8") == "years of work"
    (tmp_path / "empty").mkdir()
    export(release, "trl", tmp_path / "empty")


def test_an_export_that_fails_leaves_nothing_and_spares_what_was_there(release: Path, tmp_path: Path) -> None:
    export(release, "trl", tmp_path / "x")
    before = (tmp_path / "x/sft.jsonl").read_bytes()
    copy = Path(shutil.copytree(release, tmp_path / "copy"))
    damaged = next((copy / "data/problems").glob("eval-*"))  # read last
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(UsageError, match="does not have the checksum"):
        export(copy, "trl", tmp_path / "x", "--overwrite")
    assert (tmp_path / "x/sft.jsonl").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"x", "copy"}


def test_an_export_goes_to_s3_and_its_manifest_last(
    release: Path, tmp_path: Path, s3_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"s3://codeseq/{tmp_path.name}"
    source = open_store(f"{uri}/release")
    for path in release.rglob("*"):
        if path.is_file():
            source.put(path.relative_to(release).as_posix(), path.read_bytes())
    export(f"{uri}/release", "verl", f"{uri}/out")
    there = open_store(f"{uri}/out")
    told = json.loads(there.get("export.json"))
    assert set(there.list("")) == {*told["files"], "export.json"}
    for name, file in told["files"].items():
        assert hashlib.sha256(there.get(name)).hexdigest() == file["sha256"]
    with pytest.raises(UsageError, match="--overwrite replaces"):
        export(release, "trl", f"{uri}/out")
    export(release, "trl", f"{uri}/out", "--overwrite")
    assert set(there.list("")) == {*json.loads(there.get("export.json"))["files"], "export.json"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--to", "verl", "--format", "jsonl"), "verl has one format"),
        (("--to", "verl", "--prompt-completion"), "verl reads messages"),
        (("--to", "trl", "--max-tokens", "9"), "need --tokenizer"),
        (("--to", "hub-folder", "--max-tokens", "9", "--tokenizer", "t"), "no row can be left out"),
        (("--to", "nemo"), "--to"),
        (("--to", "trl", "--tokenizer", "/no/where.json"), "no such file"),
        (("--to", "trl", "--against", "/no/where.jsonl"), "cannot be read"),
        (("--to", "trl", "--rollouts", "/no/where"), "no release at /no/where"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    flags: tuple[str, ...], words: str, release: Path, tmp_path: Path
) -> None:
    if "--tokenizer" in flags:
        pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    with pytest.raises(UsageError, match=words):
        job.main(["--dataset", str(release), "--output", str(tmp_path / "x"), *flags])
    assert not list(tmp_path.iterdir())


def test_releases_that_do_not_fit_are_refused(release: Path, rollouts: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no rows of a config `rl`"):
        export(release, "verl", tmp_path / "x", "--rollouts", str(release))
    with pytest.raises(UsageError, match=rf"release of format 2.*exports format {FORMAT_VERSION}"):
        export(rollouts, "verl", tmp_path / "x")
    other = Path(shutil.copytree(release, tmp_path / "other"))
    manifest = json.loads((other / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"] = {k: v for k, v in manifest["files"].items() if "problems/rl" not in k}
    (other / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(UsageError, match="is no problem of the split `rl`"):
        export(other, "verl", tmp_path / "x", "--rollouts", str(rollouts))


def test_a_run_stands_for_its_latest_release_and_the_job_says_what_it_wrote(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = release.parents[1]
    assert job.main(["--dataset", str(run), "--to", "llama-factory", "--output", str(tmp_path / "x")]) == 0
    said = capsys.readouterr().out
    assert f"{len(of_split(Split.SFT))} rows" in " ".join(said.split())
    assert "none in two of them" in said
    info = json.loads((tmp_path / "x/dataset_info.json").read_text(encoding="utf-8"))
    assert info["codeseq_sft"]["formatting"] == "sharegpt"
    assert (tmp_path / "x" / info["codeseq_sft"]["file_name"]).is_file()
