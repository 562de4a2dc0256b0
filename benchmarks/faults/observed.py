"""What a run has come to, as its store and the model server tell it: at a death, and at the end."""

from __future__ import annotations

import functools
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from codeseq_ray.llm.replay import asked_anew, digest
from codeseq_ray.ports import ChatRequest
from codeseq_ray.store.answers import FOLDER, KEYS_SCHEMA
from codeseq_ray.store.ledger import ledger_of, read_record
from codeseq_ray.store.merging import read_rows
from codeseq_ray.store.objects import open_store, read_all
from codeseq_ray.store.parquet import decode
from codeseq_ray.store.releases import read_latest
from codeseq_ray.store.run import RunStore
from tests.model_server.draws import digest as body_digest

Row = tuple[str, str, str, int, int]
"""Outcome, stage, reason, rounds, tokens."""
_store = functools.cache(open_store)
"""A client is dear to make, and runs are looked at all the time."""
TRIES = 6
"""Tries at one question (`ChatRequest.attempt`) whose cache keys are looked for; validation has two."""


@dataclass(frozen=True)
class Seen:
    """A run at one moment. Nothing in it is told by the run itself: it is read from the objects."""

    rows: dict[tuple[int, int], Row] = field(default_factory=dict)
    """Acknowledged outcomes by A-number and attempt."""
    segments: frozenset[str] = frozenset()
    stored_rows: int = 0
    """Ledger rows in all segments, repeated ones too."""
    keys: frozenset[bytes] = frozenset()
    """Of the answers in the cache."""
    answered: Counter[str] = field(default_factory=Counter)
    """Answers that the model server gave, by the digest of what was asked."""

    @property
    def done(self) -> set[int]:
        return {number for number, _ in self.rows}


def look(uri: str, run_id: str, logged: Iterable[Mapping[str, Any]]) -> Seen:
    """Read a run as it is now. `logged` is the model server's log."""
    run = run_at(uri, run_id)
    store = run.store
    table = read_rows(run).table
    rows = {(row["number"], row["attempt"]): _row(row) for row in table.to_pylist()}
    names = frozenset(run.list("ledger/"))
    bodies = [body for _, body in run.read_all(sorted(names))]
    keys: set[bytes] = set()
    for name, body in read_all(store, list(store.list(f"{FOLDER}/keys/"))):
        keys.update(decode(body, KEYS_SCHEMA, name)["key"].to_pylist())
    return Seen(
        rows=rows,
        segments=names,
        stored_rows=sum(pq.read_metadata(io.BytesIO(body)).num_rows for body in bodies),
        keys=frozenset(keys),
        answered=answers(logged),
    )


def run_at(uri: str, run_id: str) -> RunStore:
    return RunStore(_store(uri), run_id)


def answers(logged: Iterable[Mapping[str, Any]]) -> Counter[str]:
    return Counter(body_digest(entry["body"]) for entry in logged if entry["end"] == "answered")


def segments(uri: str, run_id: str) -> frozenset[str]:
    return frozenset(run_at(uri, run_id).list("ledger/"))


@dataclass(frozen=True)
class Reference:
    """The same work undisturbed, one sequence after the other."""

    release: dict[str, str]
    """SHA-256 of every file of the release, by name."""
    rows: dict[int, Row]
    """By A-number, the last attempt's."""
    answered: Counter[str]
    owners: dict[str, frozenset[int]]
    """By what was asked: the sequences that ask it."""
    keys: dict[str, tuple[bytes, ...]]
    """By what was asked: under which keys the cache may hold the answers."""

    @property
    def calls(self) -> int:
        return self.answered.total()

    def unkept(self, seen: Seen) -> int:
        """Answers that belong to no acknowledged record and are not in the cache: what may be paid twice."""
        return sum(
            max(0, count - sum(key in seen.keys for key in self.keys.get(asked, ())))
            for asked, count in seen.answered.items()
            if not self.owners.get(asked, frozenset()) or not self.owners[asked] <= seen.done
        )

    def repeated(self, answered: Counter[str]) -> int:
        """Answers beyond those of the undisturbed run."""
        return (answered - self.answered).total()


def reference_of(uri: str, run_id: str, logged: Sequence[Mapping[str, Any]]) -> Reference:
    """Of a run that took one sequence at a time, in the order of their numbers: so its calls tell whose they are.

    Raises AssertionError when log and records do not fit together.
    """
    run = run_at(uri, run_id)
    ledger = ledger_of(read_rows(run))
    entries = iter([entry for entry in logged if entry["end"] == "answered"])
    owners: dict[str, set[int]] = {}
    keys: dict[str, tuple[bytes, ...]] = {}
    rows = {}
    for row in ledger:
        number = int(row.sequence_id[1:])
        rows[number] = _row(
            {**{n: getattr(row, n) for n in ("outcome", "stage", "reason", "rounds", "tokens")}}
        )
        for call in read_record(run, row).calls:
            if not call.attempts:
                continue
            entry = next(entries)
            assert entry["kind"] == call.stage, f"A{number:06d}: {call.stage} recorded, {entry['kind']} asked"
            asked = body_digest(entry["body"])
            owners.setdefault(asked, set()).add(number)
            keys.setdefault(asked, tuple(_keys(entry["body"])))
    assert next(entries, None) is None, "requests that no record tells of"
    seen = look(uri, run_id, logged)
    known = {key for some in keys.values() for key in some}
    assert not seen.keys - known, f"{len(seen.keys - known)} of {len(seen.keys)} cache keys are not explained"
    return Reference(
        release=release_files(uri, run_id),
        rows=rows,
        answered=seen.answered,
        owners={asked: frozenset(numbers) for asked, numbers in owners.items()},
        keys=keys,
    )


def release_files(uri: str, run_id: str) -> dict[str, str]:
    """SHA-256 of every file of the latest release; empty without one."""
    run = run_at(uri, run_id)
    latest = read_latest(run)
    if latest is None:
        return {}
    names = list(run.list(f"{latest.name}/"))
    return {
        name.removeprefix(f"{latest.name}/"): hashlib.sha256(body).hexdigest()
        for name, body in run.read_all(names)
    }


def release_doubles(uri: str, run_id: str) -> int:
    """Rows of the latest release whose sequence has another one in the same config."""
    run = run_at(uri, run_id)
    latest = read_latest(run)
    if latest is None:
        return 0
    names = [name for name in run.list(f"{latest.name}/data/") if name.endswith(".parquet")]
    counted: Counter[tuple[str, str]] = Counter()
    for name, body in run.read_all(names):
        config = name.removeprefix(f"{latest.name}/data/").partition("/")[0]
        counted.update(
            (config, number)
            for number in pq.read_table(io.BytesIO(body), columns=["sequence_id"])["sequence_id"].to_pylist()
        )
    return sum(count - 1 for count in counted.values())


def unreadable(uri: str, run_id: str) -> int:
    """Outcomes whose record is not there, or is another one's."""
    run = run_at(uri, run_id)
    bad = 0
    for row in ledger_of(read_rows(run)):
        record = read_record(run, row)
        bad += (record.sequence.id, record.attempt) != (row.sequence_id, row.attempt)
    return bad


def _row(row: Mapping[str, Any]) -> Row:
    return (str(row["outcome"]), str(row["stage"]), str(row["reason"]), row["rounds"], row["tokens"])


def _keys(body: Mapping[str, Any]) -> Iterable[bytes]:
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    for times in (0, 1):
        with asked_anew(times):
            for attempt in range(TRIES):
                yield digest(
                    body["model"],
                    ChatRequest(
                        messages=tuple(body["messages"]),
                        max_tokens=body["max_tokens"],
                        temperature=body["temperature"],
                        json_schema=schema,
                        attempt=attempt,
                    ),
                )
