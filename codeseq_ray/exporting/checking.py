"""Exports read again from their files: are they whole, and does no family or sequence cross between their splits?

Several exports are looked at together, because one model is trained on them: SFT files of one, RL files of another.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from codeseq_ray.errors import UsageError
from codeseq_ray.exporting.place import MANIFEST
from codeseq_ray.store.released import Row

SPLITS = ("sft", "rl", "eval")
_BATCH_ROWS = 256


@dataclass
class Apart:
    """What was read, and what stands on both sides of a wall."""

    rows: Counter[str] = field(default_factory=Counter)
    """By split."""
    splits_of: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: {"family": defaultdict(set), "sequence": defaultdict(set)}
    )
    """Kind → name → splits."""
    damaged: list[str] = field(default_factory=list)
    """Files that are missing or have another checksum than their manifest tells."""

    def see(self, split: str, family: str | None, sequence_id: str) -> None:
        self.rows[split] += 1
        self.splits_of["sequence"][sequence_id].add(split)
        if family is not None:
            self.splits_of["family"][family].add(split)

    def crossing(self) -> dict[str, dict[str, list[str]]]:
        """Families and sequences that have rows in several splits."""
        return {
            kind: {name: sorted(splits) for name, splits in sorted(of.items()) if len(splits) > 1}
            for kind, of in self.splits_of.items()
        }

    @property
    def sound(self) -> bool:
        return not self.damaged and not any(self.crossing().values())


def check(folders: Sequence[Path]) -> Apart:
    """Read the exports in these folders. Raises UsageError for a folder that is none."""
    found = Apart()
    for folder in folders:
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            files: dict[str, dict[str, Any]] = manifest["files"]
        except (OSError, ValueError, KeyError, TypeError):
            raise UsageError(f"{folder} is no whole export: it has no {MANIFEST} that can be read") from None
        for name, told in files.items():
            if not _same(folder / name, told["sha256"]):
                found.damaged.append(str(folder / name))
            elif "config" in told:
                for row in _rows(folder / name):
                    if (split := _split(told, row)) is not None:
                        found.see(
                            split, _family(row), row["sequence_id"] if "sequence_id" in row else _id(row)
                        )
    return found


def _split(told: dict[str, Any], row: Row) -> str | None:
    """Of a row, by what a trainer takes its file for."""
    config = told["config"]
    if config in SPLITS:
        return str(config)
    if config == "problems":
        return str(told["split"])
    return "rl" if config in ("rl_dropped", "rollouts") else row.get("split")


def _family(row: Row) -> str | None:
    family = row.get("family") or (row.get("extra_info") or {}).get("family")
    return None if family is None else str(family)


def _id(row: Row) -> str:
    return str(row["extra_info"]["sequence_id"])


def _same(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == digest


def _rows(path: Path) -> Iterator[Row]:
    if path.suffix == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches(_BATCH_ROWS):
            yield from batch.to_pylist()
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
