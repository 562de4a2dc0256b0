"""The whole job on a real Ray: files in, a dataset out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from codeseq_ray.errors import InputError, UsageError
from codeseq_ray.pipeline.mixing import inputs, run
from codeseq_ray.settings import MixSettings, load
from codeseq_ray.store.local_s3 import LocalS3
from tests.mixing.mix_inputs import (
    chat,
    contents,
    manifest,
    mixed,
    problem,
    said,
    sft,
    write_jsonl,
    write_parquet,
    write_release,
)

ROOT = Path(__file__).parents[2]
TERMS = [1, 1, 2, 5, 14, 42, 132, 429, 1430, 4862, 16796, 58786, 208012]
QUESTION = (
    "A baker stacks loaves on nine shelves so that every shelf holds one loaf more than the shelf below it."
)

pytestmark = pytest.mark.usefixtures("small_ray")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 sft rows; the sequence of the first is TERMS; one problem is held out."""
    trained = [problem(i, TERMS if i == 1 else [i * i + k**3 for k in range(15)]) for i in range(1, 31)]
    held_out = [problem(900, [2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4], f"{QUESTION} How many?")]
    return write_release(
        tmp_path_factory.mktemp("release"),
        [sft(i) for i in range(1, 31)],
        {"sft": trained, "eval": held_out},
    )


@pytest.fixture(scope="module")
def general(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """240 good rows in four kinds of files, and one or more for each reason to leave one out."""
    folder = tmp_path_factory.mktemp("general")
    write_parquet(folder / "a.parquet", [chat(i) for i in range(100)])
    write_jsonl(folder / "deep" / "b.jsonl", [*[chat(i) for i in range(100, 160)], "{broken", "[1]", ""])
    write_jsonl(folder / "c.jsonl.gz", [chat(i) for i in range(160, 240)])
    leaking = chat(300)
    leaking["messages"][1]["content"] += f" {QUESTION}"
    wrong: list[dict[str, Any] | str] = [
        chat(301, messages=None),
        chat(302, messages=said("a:No.", "u:Yes.")),
        chat(303, source="ai2-adapt-dev/personahub_math_v5_regen_149960"),
        leaking,
        chat(5, id="again"),
        chat(6, id="again too"),
    ]
    write_jsonl(folder / "d.jsonl", wrong)
    (folder / "notes.txt").write_text("no rows")
    (folder / "_hidden.jsonl").write_text("no rows")
    return folder


def settings(release: Path | str, general: Path | str, output: Path | str, *more: str) -> MixSettings:
    given = ["--codeseq", str(release), "--general", str(general), "--output", str(output), *more]
    return load(given, schema=MixSettings, program="mix.py")


def mix(release: Path | str, general: Path | str, output: Path | str, *more: str) -> run.Mixed:
    return run.execute(settings(release, general, output, *more), lambda line: None)


def test_a_mix_is_exact_and_accounts_for_every_row(release: Path, general: Path, tmp_path: Path) -> None:
    done = mix(release, general, tmp_path / "m")
    rows = mixed(tmp_path / "m")
    assert Counter(row["origin"] for row in rows) == {"general": 150, "codeseq": 30}
    assert len({row["id"] for row in rows}) == 180
    told = manifest(tmp_path / "m")
    assert told["ratio"] == {"asked": "5:1", "general": 150, "codeseq": 30, "limited_by": "codeseq"}
    reasons = {
        "not_json": 2,
        "no_messages": 1,
        "role_order": 1,
        "source": 1,
        "leak_words": 1,
        "duplicate": 2,
        "ratio": 90,
    }
    assert told["sides"]["general"]["dropped"] == reasons
    assert told["sides"]["general"]["read"] == 248 == 150 + sum(reasons.values())
    assert {"side": "general", "set": "codeseq eval split", "leak_words": 1, "leak_terms": 0} in told["leaks"]
    shown = run.closing(done)
    assert "deep/b.jsonl line 61: is not JSON" in shown
    assert "150:30, exactly 5:1; limited by codeseq" in shown
    ours = {row["id"]: row for row in rows if row["origin"] == "codeseq"}
    assert ours["A000007-x"]["messages"] == sft(7)["messages"]
    assert ours["A000007-x"]["source_url"] == "https://oeis.org/A000007"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["--ratio", "1:1"], (30, 30, "codeseq")),
        (["--ratio", "1:5"], (6, 30, "codeseq")),
        (["--ratio", "10:1"], (240, 24, "general")),
        (["--ratio", "7:2", "--total", "50"], (35, 10, "total")),
    ],
)
def test_ratios(
    release: Path, general: Path, tmp_path: Path, asked: list[str], expected: tuple[int, int, str]
) -> None:
    taken = mix(release, general, tmp_path / "m", *asked).figures.shares
    assert (taken.general, taken.codeseq, taken.limited_by) == expected
    assert Counter(row["origin"] for row in mixed(tmp_path / "m")) == {
        "general": expected[0],
        "codeseq": expected[1],
    }


def test_file_names_their_order_and_more_cpus_do_not_show(
    release: Path, general: Path, tmp_path: Path
) -> None:
    """The second mix runs as a job of its own on two CPUs, with the files renamed the other way round."""
    mix(release, general, tmp_path / "one", "--keep-dropped")
    renamed = tmp_path / "renamed"
    for name, new in (("a.parquet", "z.parquet"), ("d.jsonl", "0.jsonl"), ("c.jsonl.gz", "sub/5.jsonl.gz")):
        (renamed / new).parent.mkdir(parents=True, exist_ok=True)
        (renamed / new).symlink_to(general / name)
    (renamed / "1.jsonl").symlink_to(general / "deep" / "b.jsonl")
    command = [
        sys.executable,
        "jobs/mix.py",
        "--codeseq",
        str(release),
        "--general",
        str(renamed),
        "--keep-dropped",
    ]
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "two"), "--local-cpus", "2"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one == two
    assert set(one) == {
        "README.md",
        "mix.json",
        "data/train-00000-of-00001.parquet",
        "dropped/rows-00000-of-00001.parquet",
    }


def test_another_seed_changes_order_and_choice(release: Path, general: Path, tmp_path: Path) -> None:
    one, two = (
        [row["id"] for row in mix_and_read(release, general, tmp_path / seed, "--seed", seed)]
        for seed in "12"
    )
    assert one != two
    assert set(one) != set(two)


def mix_and_read(release: Path, general: Path, output: Path, *more: str) -> list[dict[str, Any]]:
    mix(release, general, output, *more)
    return mixed(output)


def test_both_sides_are_checked_against_files(release: Path, general: Path, tmp_path: Path) -> None:
    asked = write_jsonl(
        tmp_path / "held.jsonl",
        [{"prompt": "Anything at all.", "terms": TERMS}, {"prompt": chat(4)["messages"][1]["content"]}],
    )
    done = mix(release, general, tmp_path / "m", "--against", str(asked), "--ratio", "1:1")
    told = manifest(tmp_path / "m")
    assert told["sides"]["codeseq"]["dropped"] == {"leak_terms": 1}
    assert told["sides"]["general"]["dropped"]["leak_words"] == 2  # and the release's own eval split
    ids = {row["id"] for row in mixed(tmp_path / "m")}
    assert "A000001-x" not in ids
    assert "A000002-x" in ids
    assert "held.jsonl" in run.closing(done)
    reported = mix(
        release, general, tmp_path / "n", "--against", str(asked), "--ratio", "1:1", "--leaks", "report"
    )
    assert "A000001-x" in {row["id"] for row in mixed(tmp_path / "n")}
    assert reported.figures.leaks() == done.figures.leaks()
    alone = mix(release, general, tmp_path / "o", "--no-against-own")
    assert "leak_words" not in alone.figures.sides["general"].dropped


def test_what_was_dropped_stands_beside_the_data(release: Path, general: Path, tmp_path: Path) -> None:
    mix(release, general, tmp_path / "m", "--keep-dropped")
    rows = pq.read_table(next((tmp_path / "m" / "dropped").iterdir())).to_pylist()
    told = manifest(tmp_path / "m")["sides"]["general"]["dropped"]
    assert Counter(row["reason"] for row in rows) == {k: n for k, n in told.items() if k != "ratio"}
    by_reason = {row["reason"]: row for row in rows}
    assert by_reason["not_json"]["row"] in ("{broken", "[1]")
    assert json.loads(by_reason["duplicate"]["row"])["messages"]
    assert by_reason["leak_words"]["detail"].startswith("codeseq eval split: a baker stacks")


def test_a_mix_loads_with_datasets(release: Path, general: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    mix(release, general, tmp_path / "m", "--keep-dropped")
    rows = datasets.load_dataset(str(tmp_path / "m"), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.num_rows == 180
    assert rows.column_names == ["id", "messages", "source", "origin", "license", "source_url"]
    assert rows[0]["messages"][0]["role"] == "user"


def test_an_output_is_replaced_only_on_demand_and_only_whole(
    release: Path, general: Path, tmp_path: Path
) -> None:
    mix(release, general, tmp_path / "m")
    before = contents(tmp_path / "m")
    with pytest.raises(UsageError, match="--overwrite"):
        mix(release, general, tmp_path / "m")
    with pytest.raises(UsageError, match="at most 180"):
        mix(release, general, tmp_path / "m", "--overwrite", "--total", "100000")
    assert contents(tmp_path / "m") == before
    mix(release, general, tmp_path / "m", "--overwrite", "--ratio", "1:1")
    assert manifest(tmp_path / "m")["rows"] == 60
    assert len(mixed(tmp_path / "m")) == 60


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "nowhere.parquet", "--general .*nowhere.parquet: there is no such file"),
        (lambda folder: folder, "no file in this folder ends in"),
        (lambda folder: file(folder / "a.csv", b"x"), "the name has to end in"),
        (lambda folder: file(folder / "a.parquet", b"no table"), "cannot be read"),
        (
            lambda folder: table(folder / "a.parquet", {"text": ["x"]}),
            "no column messages; its columns are text",
        ),
        (lambda folder: table(folder / "a.parquet", {"messages": ["x"]}), "messages of a.parquet is string"),
        (
            lambda folder: write_jsonl(folder / "a.jsonl", [{"text": "x"}] * 3),
            "no list of messages .the row has text",
        ),
    ],
)
def test_bad_inputs_say_what_is_wrong(
    release: Path, tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        mix(release, make(tmp_path), tmp_path / "m")
    assert not list((tmp_path / "m").glob("**/*.*"))


def test_a_tokenizer_that_cannot_be_read_ends_the_mix_at_once(
    release: Path, general: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--tokenizer"):
        mix(release, general, tmp_path / "m", "--max-tokens", "9", "--tokenizer", str(tmp_path / "none.json"))
    assert not (tmp_path / "m").exists()


def file(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    return path


def table(path: Path, columns: dict[str, list[str]]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_a_file_that_breaks_off_ends_the_mix(release: Path, general: Path, tmp_path: Path) -> None:
    body = (general / "c.jsonl.gz").read_bytes()
    with pytest.raises(InputError, match=r"cut\.jsonl\.gz cannot be read to its end"):
        mix(release, file(tmp_path / "cut.jsonl.gz", body[: len(body) // 2]), tmp_path / "m")


def test_an_altered_release_ends_the_mix(release: Path, general: Path, tmp_path: Path) -> None:
    copy = write_release(tmp_path / "copy", [sft(1), sft(2)])
    name = copy / "data/sft/train-00001-of-00002.parquet"
    name.write_bytes(name.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match="does not have the checksum"):
        mix(copy, general, tmp_path / "m", "--ratio", "1:1")


def test_a_release_without_sft_rows_is_refused(general: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "manifest.json").write_text(json.dumps({"format": 3, "files": {}}))
    with pytest.raises(UsageError, match="no rows of the config sft"):
        mix(tmp_path / "empty", general, tmp_path / "m")


def test_large_files_are_read_in_slices(general: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "SLICE_BYTES", 4000)
    found = inputs.chat_files(str(general), "--general", chats=True)
    assert Counter(part.name for part in found.slices)["deep/b.jsonl"] > 3
    assert Counter(part.name for part in found.slices)["a.parquet"] == 2  # its row groups
    rows = [(place, row) for part in found.slices for place, row in inputs.chat_rows(part)]
    assert len(rows) == 248
    assert sorted(
        row["id"] for _, row in rows if isinstance(row, dict) and row["id"][1:].isdigit()
    ) == sorted([f"g{i}" for i in [*range(240), 300, 301, 302, 303]])
    assert rows[99][0] == "a.parquet row 100"


# ------------------------------------------------------------------------------------------------------- S3


@pytest.fixture
def workers_know_the_server(s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers started earlier have the environment of their time: hand it over with each task."""
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    stream = run._stream

    def with_environment(parts: Any, tables: Callable[[Any], Iterator[pa.Table]]) -> Iterator[pa.Table]:
        def call(part: Any) -> Iterator[pa.Table]:
            os.environ.update(environment)
            return tables(part)

        return stream(parts, call)

    monkeypatch.setattr(run, "_stream", with_environment)


@pytest.mark.usefixtures("workers_know_the_server")
def test_from_s3_to_s3_it_is_the_same_mix(
    release: Path, general: Path, tmp_path: Path, s3_server: LocalS3
) -> None:
    client = boto3.client("s3")
    for folder, prefix in ((release, "mixing/release"), (general, "mixing/general")):
        for path in folder.rglob("*"):
            if path.is_file():
                client.put_object(
                    Bucket="codeseq", Key=f"{prefix}/{path.relative_to(folder)}", Body=path.read_bytes()
                )
    held = write_jsonl(tmp_path / "held.jsonl", [{"prompt": QUESTION, "terms": TERMS}])
    client.put_object(Bucket="codeseq", Key="mixing/held.jsonl", Body=held.read_bytes())
    at = "s3://codeseq/mixing"
    mix(f"{at}/release", f"{at}/general", f"{at}/out", "--against", f"{at}/held.jsonl")
    mix(release, general, tmp_path / "m", "--against", str(held))
    keys = [
        found["Key"] for found in client.list_objects_v2(Bucket="codeseq", Prefix="mixing/out/")["Contents"]
    ]
    there = {
        key.removeprefix("mixing/out/"): client.get_object(Bucket="codeseq", Key=key)["Body"].read()
        for key in keys
    }
    assert there == contents(tmp_path / "m")
    assert pq.read_table(io.BytesIO(there["data/train-00000-of-00001.parquet"])).num_rows == 29 * 6
    with pytest.raises(UsageError, match="--overwrite"):
        mix(f"{at}/release", f"{at}/general", f"{at}/out")
    with pytest.raises(InputError, match="no such file"):
        mix(f"{at}/release", f"{at}/nothing", f"{at}/out2")


def test_a_sequence_that_leaks_goes_with_all_its_paraphrases(general: Path, tmp_path: Path) -> None:
    told_again = [
        sft(50 + i, sequence_id="A000001", problem_id="A000001-y", paraphrase=1, answer=i) for i in (1, 2)
    ]
    rows = sorted([*(sft(i) for i in range(1, 4)), *told_again], key=lambda row: row["sequence_id"])
    trained = [problem(i, TERMS if i == 1 else [i * i + k**3 for k in range(15)]) for i in range(1, 4)]
    release = write_release(tmp_path / "release", rows, {"sft": trained})
    mix(release, general, tmp_path / "m", "--ratio", "1:1")
    assert {row["id"] for row in mixed(tmp_path / "m")} >= {"A000001-x", "A000001-y", "A000001-y-2"}
    asked = write_jsonl(tmp_path / "held.jsonl", [{"prompt": "Anything at all.", "terms": TERMS}])
    mix(release, general, tmp_path / "n", "--ratio", "1:1", "--against", str(asked))
    assert manifest(tmp_path / "n")["sides"]["codeseq"]["dropped"] == {"leak_terms": 3}
    ours = {row["id"] for row in mixed(tmp_path / "n") if row["origin"] == "codeseq"}
    assert ours == {"A000002-x", "A000003-x"}
