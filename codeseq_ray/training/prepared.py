"""What a run trains on, made once: rows as tokens, refused with a reason, kept back, or written as they are trained.

Rows stream through the local disk. Which are drawn is decided by a digest of seed and content, so that the order of
files does not matter.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import UsageError
from codeseq_ray.ports import ObjectStore
from codeseq_ray.store.parquet import COMPRESSION
from codeseq_ray.training.turns import Refusal, Sample

TRAIN, HELD_OUT = "train", "held_out"
MEASURED = "measured"
"""Origin of rows that are measured and never trained on."""
MANIFEST = "prepared.json"
FILE_ROWS = 10_000
_BATCH = 256

SAMPLES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("input_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("labels", pa.list_(pa.int32()), nullable=False),
    ]
)

Row = Mapping[str, Any]
Read = tuple[str, str, Sample | str]
"""Id, origin, and what the row came to: a sample, or the reason why it is none."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is trained on, or kept back, of one origin."""

    rows: int = 0
    tokens: int = 0
    trained: int = 0
    """Tokens that the loss is of."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The counts of a run's rows."""

    parts: Mapping[str, Mapping[str, Part]]
    """train / held_out → origin → what is in it."""
    refused: Mapping[str, Mapping[str, int]]
    """Origin → reason → rows."""
    beyond_limit: int
    """Usable rows that --limit leaves out."""
    longest: int
    """Most tokens of a row that is used."""
    digest: str
    """Of ids and tokens of all rows that are used, in their order: what was trained on."""
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def train(self) -> Part:
        parts = self.parts[TRAIN].values()
        return Part(*(sum(getattr(part, name) for part in parts) for name in ("rows", "tokens", "trained")))

    def lines(self) -> list[str]:
        """For people: what is trained on, what is kept back, what is left out and why."""
        told = []
        for name, words in ((TRAIN, "trained on"), (HELD_OUT, "kept back")):
            for origin, part in sorted(self.parts[name].items()):
                loss = f", {part.trained:,} of them in the loss" * bool(part.trained)
                told.append(f"{words:<11} {part.rows:>9,} rows of {origin}: {part.tokens:,} tokens{loss}")
        for origin, reasons in sorted(self.refused.items()):
            for reason, rows in sorted(reasons.items()):
                told.append(f"left out    {rows:>9,} rows of {origin}: {reason}")
        if self.beyond_limit:
            told.append(f"left out    {self.beyond_limit:>9,} rows: beyond --limit")
        return told

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def of(told: Mapping[str, Any]) -> Prepared:
        """From what `as_dict` gave."""
        parts = {
            name: {origin: Part(**part) for origin, part in by_origin.items()}
            for name, by_origin in told["parts"].items()
        }
        return Prepared(**{**told, "parts": parts})


Put = Callable[[str, bytes], None]
"""Takes a finished file: its name and content."""
_Kept = tuple[bytes, str, int]
"""A usable row's place in the drawn order, its origin, its number in the spilled file."""


def prepare(
    rows: Iterable[Read],
    put: Put,
    scratch: Path,
    *,
    most_tokens: int,
    seed: int,
    limit: int | None,
    held_out: int,
) -> Prepared:
    """Files of `SAMPLES` through `put`, and their counts. Raises UsageError where nothing is left to train on.

    All rows of the origin `MEASURED` are kept back, and `held_out` of every other. What has the text of one of them
    is left out.
    """
    refused: dict[str, Counter[str]] = {}
    kept: list[_Kept] = []
    spill = scratch / "samples.parquet"
    with pq.ParquetWriter(spill, SAMPLES, compression=COMPRESSION) as writer:
        for batch in _batches(rows):
            usable = []
            for row_id, origin, told in batch:
                if isinstance(told, Sample) and len(told.input_ids) > most_tokens:
                    told = Refusal.TOO_LONG
                if isinstance(told, str):
                    refused.setdefault(origin, Counter())[told] += 1
                    continue
                kept.append((_drawn(seed, told), origin, len(kept)))
                usable.append(
                    {"id": row_id, "origin": origin, "input_ids": told.input_ids, "labels": told.labels}
                )
            if usable:
                writer.write_table(pa.Table.from_pylist(usable, schema=SAMPLES))
    others = [one for one in kept if one[1] != MEASURED]
    back = [*(one for one in kept if one[1] == MEASURED), *_first(others, held_out)]
    texts, numbers = {drawn for drawn, _, _ in back}, {number for _, _, number in back}
    rest = []
    for one in sorted(others):
        if one[0] not in texts:
            rest.append(one)
        elif one[2] not in numbers:
            refused.setdefault(one[1], Counter())[Refusal.HELD_OUT] += 1
    train = {number for _, _, number in (rest if limit is None else rest[:limit])}
    if not train:
        reasons = "; ".join(f"{r} {n:,}" for c in refused.values() for r, n in sorted(c.items()))
        raise UsageError(f"--dataset: no row is left to train on ({reasons or 'there are none'})")
    return _written(spill, put, {TRAIN: train, HELD_OUT: numbers}, refused, len(rest) - len(train))


def _drawn(seed: int, sample: Sample) -> bytes:
    """The place of a row in the drawn order; by its content, as ids of foreign rows may come twice."""
    return hashlib.blake2b(f"{seed}\x1f{sample.input_ids}".encode(), digest_size=16).digest()


def _first(kept: Sequence[_Kept], count: int) -> list[_Kept]:
    """The first `count` rows of every origin in the drawn order, none of whose texts comes twice among them."""
    taken: Counter[str] = Counter()
    chosen: dict[bytes, _Kept] = {}
    for one in sorted(kept) if count else ():
        if taken[one[1]] < count and one[0] not in chosen:
            taken[one[1]] += 1
            chosen[one[0]] = one
    return list(chosen.values())


def _written(
    spill: Path, put: Put, chosen: Mapping[str, set[int]], refused: Mapping[str, Counter[str]], beyond: int
) -> Prepared:
    parts: dict[str, dict[str, Part]] = {TRAIN: {}, HELD_OUT: {}}
    files: dict[str, list[str]] = {TRAIN: [], HELD_OUT: []}
    waiting: dict[str, list[Row]] = {TRAIN: [], HELD_OUT: []}
    digest, longest = hashlib.sha256(), 0

    def flush(name: str) -> None:
        if waiting[name]:
            file = f"{name}-{len(files[name]):05}.parquet"
            sink = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_pylist(waiting[name], schema=SAMPLES), sink, compression=COMPRESSION)
            put(file, sink.getvalue().to_pybytes())
            files[name].append(file)
            waiting[name].clear()

    for number, row in enumerate(_rows(spill)):
        name = TRAIN if number in chosen[TRAIN] else HELD_OUT if number in chosen[HELD_OUT] else None
        if name is None:
            continue
        before, length = parts[name].get(row["origin"], Part()), len(row["input_ids"])
        trained = Sample(row["input_ids"], row["labels"]).trained
        parts[name][row["origin"]] = Part(before.rows + 1, before.tokens + length, before.trained + trained)
        longest = max(longest, length)
        digest.update(json.dumps([name, row["id"], row["input_ids"], row["labels"]]).encode())
        waiting[name].append(row)
        if len(waiting[name]) == FILE_ROWS:
            flush(name)
    flush(TRAIN)
    flush(HELD_OUT)
    return Prepared(
        parts, {k: dict(v) for k, v in refused.items()}, beyond, longest, digest.hexdigest()[:16], files
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            yield from batch.to_pylist()


def _batches(rows: Iterable[Read]) -> Iterator[list[Read]]:
    batch: list[Read] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def fetch(store: ObjectStore, folder: str, prepared: Prepared, name: str, into: Path) -> None:
    """The files of a part on this node's disk."""
    into.mkdir(parents=True, exist_ok=True)
    for file in prepared.files[name]:
        path = into / file
        if not path.exists():
            temporary = path.with_suffix(".part")
            temporary.write_bytes(store.get(f"{folder}/{file}"))
            temporary.replace(path)
