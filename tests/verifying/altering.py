"""Releases that somebody changed, with or without new checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.dataset.schemas import CONFIGS

Rows = list[dict[str, Any]]


def only_file(release: Path, config: str, split: str = "*") -> Path:
    """The first file of a config; splits that have rows only."""
    return sorted((release / "data" / config).glob(f"{split}-*.parquet"))[0]


def change(release: Path, config: str, alter: Callable[[Rows], None], split: str = "*") -> None:
    """Change the rows of a file, and leave the manifest as it was."""
    path = only_file(release, config, split)
    rows = pq.read_table(path).to_pylist()
    alter(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=CONFIGS[config]), path, compression="zstd")


def seal(release: Path) -> None:
    """Make checksums, sizes and numbers of rows anew, as whoever hides a change would."""

    def anew(manifest: dict[str, Any]) -> None:
        for name, told in manifest["files"].items():
            body = (release / name).read_bytes()
            told.update(bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
            if "rows" in told:
                told["rows"] = pq.read_metadata(release / name).num_rows

    in_manifest(release, anew)


def in_manifest(release: Path, alter: Callable[[dict[str, Any]], None]) -> None:
    path = release / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    alter(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
