"""Small inputs of a mix, made by hand: a release's folder, general rows, and a screen that needs no Ray."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.dataset.schemas import PROBLEMS, SFT
from codeseq_ray.mixing.screening import MESSAGES
from codeseq_ray.mixing.settings import MixingSettings

GENERAL = pa.schema([("id", pa.string()), ("messages", MESSAGES), ("source", pa.string())])
CHAT = "ai2-adapt-dev/tulu_v3.9_wildchat_100k"

Row = dict[str, Any]


def settings(**given: Any) -> MixingSettings:
    return MixingSettings(codeseq="ours", general="theirs", output="mix", **given)


def chat(number: int, **given: Any) -> Row:
    """A general row that every filter lets through; no two numbers share a run of eight words."""
    asked = (
        f"What can you tell me about the town {_name(number)} and about the river {_name(number + 7)} there?"
    )
    told = f"The town of {_name(number)} is small, and {_name(number * 3)} is the river that people like most of all."
    row: Row = {
        "id": f"g{number}",
        "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": told}],
        "source": CHAT,
    }
    return {**row, **given}


def _name(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:05d}")


def said(*turns: str) -> list[dict[str, str]]:
    """Turns by their roles' first letters: `u:Hello`, `a:Good day`, `s:Be kind`."""
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]


def write_jsonl(path: Path, rows: Iterable[Row | str]) -> Path:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_parquet(path: Path, rows: Sequence[Row], group: int = 50) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=GENERAL), path, row_group_size=group)
    return path


def problem(number: int, terms: Sequence[int], description: str = "") -> Row:
    """A row of the config `problems`."""
    cases = [{"input": str(i), "output": str(term)} for i, term in enumerate(terms)]
    return {
        **{field.name: _empty(field) for field in PROBLEMS},
        "problem_id": f"A{number:06d}-x",
        "sequence_id": f"A{number:06d}",
        "description": description or f"Shelf {_name(number)} of the storehouse.",
        "examples": [{**case, "explanation": "so"} for case in cases[:2]],
        "cases": cases[2:8],
        "far_cases": cases[8:],
    }


def _empty(field: pa.Field) -> Any:
    """Something for a column that a mix does not look at."""
    if field.nullable:
        return None
    if pa.types.is_string(field.type):
        return ""
    if pa.types.is_boolean(field.type):
        return False
    return [] if pa.types.is_list(field.type) else 0


def sft(number: int, **given: Any) -> Row:
    """A row of the config `sft`."""
    asked, told = (
        f"Shelf {_name(number)}: how many?",
        f"Let me count {_name(number)}.\n\n```python\nprint({number})\n```",
    )
    return {
        "problem_id": f"A{number:06d}-x",
        "sequence_id": f"A{number:06d}",
        "paraphrase": 0,
        "answer": 0,
        "messages": said(f"u:{asked}", f"a:{told}"),
        "rounds": 0,
        "license": "CC-BY-SA-4.0",
        "source_url": f"https://oeis.org/A{number:06d}",
        **given,
    }


def write_release(
    folder: Path, sft_rows: Sequence[Row], problems: Mapping[str, Sequence[Row]] | None = None
) -> Path:
    """A release with these rows, two files of sft rows, and problems by split."""
    half = (len(sft_rows) + 1) // 2
    tables = {
        f"data/sft/train-{i:05d}-of-00002.parquet": pa.Table.from_pylist(list(part), schema=SFT)
        for i, part in enumerate((sft_rows[:half], sft_rows[half:]))
    }
    for split, rows in (problems or {}).items():
        name = f"data/problems/{split}-00000-of-00001.parquet"
        tables[name] = pa.Table.from_pylist(list(rows), schema=PROBLEMS)
    files = {}
    for name, table in tables.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / name)
        body = (folder / name).read_bytes()
        files[name] = {
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "rows": table.num_rows,
        }
    told = {"format": 3, "run_id": "r", "fingerprint": "f00d", "files": files}
    (folder / "manifest.json").write_text(json.dumps(told))
    return folder


def mixed(folder: Path) -> list[Row]:
    """The rows of a mix in their order."""
    return [row for path in sorted((folder / "data").iterdir()) for row in pq.read_table(path).to_pylist()]


def manifest(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "mix.json").read_text())
    return told


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
