"""Which of our problems share a run of words with a benchmark that models are measured by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import UsageError
from codeseq_ray.overlap import FEWEST_WORDS, NGRAM, Runs, words
from codeseq_ray.store.released import Row

_BATCH_ROWS = 256


@dataclass
class Overlaps:
    """Benchmarks as runs of words, and what was found of them."""

    names: tuple[str, ...]
    runs: Runs
    problems: set[str] = field(default_factory=set)
    """Problems that were looked at, by id."""
    found: dict[str, Row] = field(default_factory=dict)
    """Of these, the ones that share a run: what and with which benchmark."""

    def look(self, problem_id: str, text: str) -> None:
        if problem_id in self.problems:
            return
        self.problems.add(problem_id)
        said = words(text)
        if (match := self.runs.first(said)) is not None:
            shared = " ".join(said[match.position : match.position + match.length])
            self.found[problem_id] = {
                "problem_id": problem_id,
                "benchmark": self.names[match.owner],
                "words": match.length,
                "shared": shared,
            }

    def as_json(self) -> dict[str, Any]:
        by_name = Counter(row["benchmark"] for row in self.found.values())
        return {
            "words": NGRAM,
            "texts": self.runs.texts,
            "texts_too_short": self.runs.passed_over,
            "problems": len(self.problems),
            "overlapping": {name: by_name[name] for name in self.names},
        }


def open_overlaps(files: Sequence[str]) -> Overlaps | None:
    """The given benchmark files, taken in; None without any. Raises UsageError for what cannot be read."""
    if not files:
        return None
    texts = (
        (number, words(text))
        for number, name in enumerate(files)
        for row in _rows(name)
        for text in _texts(row)
    )
    overlaps = Overlaps(tuple(files), Runs.of(texts, NGRAM, FEWEST_WORDS))
    if not overlaps.runs.texts:
        raise UsageError(f"--against {', '.join(files)}: no text there has {FEWEST_WORDS} words or more")
    return overlaps


def problem_text(row: Row) -> str | None:
    """What a model is asked by a row: its user's turn, or the parts of a problem; None where there is neither."""
    for name in ("messages", "prompt"):
        if name in row:
            return str(row[name][0]["content"])
    if row.get("description"):
        return "\n".join(row[name] or "" for name in ("description", "input_format", "output_format"))
    return None


def _rows(name: str) -> Iterator[Any]:
    path = Path(name).expanduser()
    try:
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches(_BATCH_ROWS):
                yield from batch.to_pylist()
        elif path.suffix == ".jsonl":
            with path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield _line(line, f"--against {name} line {number}")
        else:
            raise UsageError(f"--against {name}: give a .jsonl or .parquet file")
    except OSError as error:
        raise UsageError(f"--against {name}: cannot be read ({error.strerror or error})") from None
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise UsageError(f"--against {name}: cannot be read: {error}") from None


def _line(line: str, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: is not JSON: {error}") from None


def _texts(value: Any) -> Iterator[str]:
    """Every text of a row, however deep: questions, tests and solutions alike."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
