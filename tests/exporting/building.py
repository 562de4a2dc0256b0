"""Small releases made by the real code: of a synthesis, and of rollouts of its RL problems."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from synthetic import plan_row, record

from codeseq_ray.exporting.run import Exported, execute
from codeseq_ray.records import Outcome, SequenceRecord, Split
from codeseq_ray.rollouts.card import card
from codeseq_ray.rollouts.release import CONFIGS, FORMAT_VERSION, Figures, Selection, release_rows
from codeseq_ray.rollouts.solvability import Band
from codeseq_ray.settings import ExportSettings, load, store_of
from codeseq_ray.store.ledger import LedgerWriter, read_ledger
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.releases import draw, publish
from codeseq_ray.store.rollouts import FIGURES
from codeseq_ray.store.run import RunStore

NUMBERS = range(1, 37)
SPLITS = (Split.EVAL, Split.SFT, Split.RL)
LONG = 7
"""The sequence whose problem is far longer than the others'."""
SAMPLES = 4
POLICY = "org/policy@1"


def split_of(number: int) -> Split:
    return SPLITS[number % 3]


def family_of(number: int) -> str:
    """Two of a kind, of one split: n and n + 3."""
    return f"A{number if (number - 1) % 6 < 3 else number - 3:06d}"


def accepted(number: int) -> bool:
    return number % 8 != 0


def records(numbers: Iterable[int] = NUMBERS) -> list[SequenceRecord]:
    return [_record(n) for n in numbers]


def _record(n: int) -> SequenceRecord:
    made = record(
        n,
        Outcome.ACCEPTED if accepted(n) else Outcome.REJECTED,
        split=split_of(n),
        corrections=n % 3 if n % 2 else 0,
        padding=8_000 if n == LONG else 0,
    )
    assert made.problem is not None
    told = f"Crate {n} of the warehouse has rows of boxes, in each of which somebody put {n} pens of one colour. "
    problem = made.problem.model_copy(update={"description": told + made.problem.description})
    return made.model_copy(update={"family": family_of(n), "problem": problem})


def make_release(root: Path, numbers: Iterable[int] = NUMBERS) -> Path:
    """A run with one release; returns the release's folder."""
    numbers = list(numbers)
    run = RunStore(open_store(str(root)), "r")
    writer = LedgerWriter(run, "w", every=7)
    for one in records(numbers):
        writer.add(one)
    writer.flush()
    plan = [
        plan_row(n, split=split_of(n)).model_copy(update={"family": family_of(n)}) for n in sorted(numbers)
    ]
    info = {
        "fingerprint": "f00d",
        "input_digest": "",
        "row_settings": {},
        "versions": {"codeseq-ray": "0"},
    }
    return Path(publish(run, plan, read_ledger(run), info=info).uri)


def make_rollouts(root: Path, release: Path) -> Path:
    """Of problem k of the RL split, k mod 4 of 4 rollouts pass: a fourth of them is kept (s = 0.25)."""
    problems = rows_of(release, "problems", "rl")
    figures_of = [
        {
            "number": int(problem["sequence_id"][1:]),
            "sample": sample,
            "passed": sample < k % SAMPLES,
            "reason": "" if sample < k % SAMPLES else "wrong_answer",
            "cases_passed": 8 if sample < k % SAMPLES else 3,
            "cases": 8,
            "prompt_tokens": 100,
            "completion_tokens": 200,
        }
        for k, problem in enumerate(problems)
        for sample in range(SAMPLES)
    ]
    chosen, figures = Selection(POLICY, SAMPLES, Band(), early_stop=False), Figures()
    rows = release_rows(problems, pa.Table.from_pylist(figures_of, schema=FIGURES), chosen, figures)
    settings = {
        "temperature": 1.0,
        "max_tokens": 10240,
        "prompt": "solve",
        "cpu_seconds": 4,
        "memory_mb": 512,
        "split": "rl",
    }
    told: dict[str, Any] = {
        "fingerprint": "beef",
        "row_settings": settings,
        "dataset": "here",
        "versions": {"codeseq-ray": "0"},
    }

    def finish() -> tuple[str, dict[str, Any]]:
        figures_now = figures.as_json(chosen)
        text = card(figures_now, told, {"rl": 3, "rl_dropped": 3, "rollouts": 3})
        head = {"format": FORMAT_VERSION, "kind": "rollouts", "run_id": "p", "fingerprint": "beef"}
        return text, {**head, "partial": False, "policy": POLICY, "figures": figures_now}

    run = RunStore(open_store(str(root)), "p")
    return Path(draw(run, "digest", rows, CONFIGS, finish).uri)


def export(release: Path | str, to: str, output: Path | str, *flags: str) -> Exported:
    """What the job does with these flags."""
    argv = ["--dataset", str(release), "--to", to, "--output", str(output), *flags]
    settings = load(argv, schema=ExportSettings, program="export.py")
    return execute(settings, store_of(settings), lambda line: None)


def rows_of(release: Path, config: str, split: str = "train") -> list[dict[str, Any]]:
    """Rows of a release, read without the code under test."""
    files = sorted((release / "data" / config).glob(f"{split}-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def file_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of an exported file."""
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    return lines_of(path)


def numbers_where(wanted: Callable[[int], bool]) -> list[str]:
    return [f"A{n:06d}" for n in NUMBERS if wanted(n)]
