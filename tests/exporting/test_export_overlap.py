"""A problem that shares 13 words in a row with a benchmark is named, and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import export, lines_of, rows_of

from codeseq_ray.errors import UsageError

TARGETS = ("trl", "verl", "llama-factory", "jsonl", "hub-folder")


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_problem_that_a_benchmark_has_is_named(to: str, ending: str, release: Path, tmp_path: Path) -> None:
    split = "sft" if to == "llama-factory" else "rl"
    longest = max(rows_of(release, "problems", split), key=lambda row: len(row["description"].split()))
    text = f"{longest['description']} {longest['input_format']}"
    shared = " ".join(text.replace(".", " ,").upper().split()[:14])
    rows = [
        {
            "task_id": "1",
            "inner": [{"question": "Nothing that anybody of us has ever asked, in fifteen words or so."}],
        },
        {"task_id": "2", "inner": [{"question": f"Before. {shared} after"}]},
    ]
    bench = tmp_path / f"bench.{ending}"
    if ending == "jsonl":
        bench.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), bench)
    done = export(release, to, tmp_path / "x", "--against", str(bench))
    found = {row["problem_id"]: row for row in lines_of(tmp_path / "x/overlap.jsonl")}
    assert longest["problem_id"] in found
    assert found[longest["problem_id"]]["benchmark"] == str(bench)
    assert done.overlaps is not None
    told = json.loads((tmp_path / "x/export.json").read_text(encoding="utf-8"))["overlap"]
    assert told["overlapping"] == {str(bench): len(found)}
    assert told["problems"] > len(found)


def test_no_overlap_is_an_empty_file_and_a_count_of_none(release: Path, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(
        json.dumps({"q": "one two three four five six seven eight nine"}), "utf-8"
    )
    done = export(release, "verl", tmp_path / "x", "--against", str(tmp_path / "b.jsonl"))
    assert (tmp_path / "x/overlap.jsonl").read_bytes() == b""
    assert done.overlaps is not None
    assert done.overlaps.as_json()["overlapping"] == {str(tmp_path / "b.jsonl"): 0}


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("b.txt", "hello", "give a .jsonl or .parquet file"),
        ("b.jsonl", '{"q": 1}\n{', "line 2: is not JSON"),
        ("b.parquet", "PAR1", "cannot be read"),
        ("b.jsonl", '{"q": "too short"}', "no text there has 8 words"),
    ],
)
def test_what_is_no_benchmark_is_said_in_words(
    name: str, body: str, words: str, release: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(body, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        export(release, "verl", tmp_path / "x", "--against", str(tmp_path / name))
