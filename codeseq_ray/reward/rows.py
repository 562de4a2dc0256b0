"""Rows of the config `rl`, wherever they lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import InputError
from codeseq_ray.store.released import Released, find_release
from codeseq_ray.store.settings import StoreSettings

CONFIG = "rl"


def rl_rows(dataset: str, split: str = "train") -> Iterator[dict[str, Any]]:
    """The rows of a .parquet or .jsonl file, or of a release (folder, run, s3://bucket/prefix), one after the other.

    Raises InputError where there are none, UsageError where there is no release.
    """
    path = Path(dataset)
    if path.suffix in (".parquet", ".jsonl"):
        yield from _of_file(path)
        return
    store, folder = find_release(dataset, StoreSettings(), lambda line: None)
    release = Released(store, folder)
    place = (CONFIG, split)
    if place not in release.places:
        has = ", ".join(f"{config}/{name}" for config, name in release.places) or "nothing"
        raise InputError(f"{release.uri} has no {CONFIG}/{split}; it has {has}")
    yield from release.rows(place)


def _of_file(path: Path) -> Iterator[dict[str, Any]]:
    try:
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches(256):
                yield from batch.to_pylist()
            return
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
