"""One run in a store: which keys it has, its manifest and its plan.

<run-id>/run.json        settings, versions, fingerprint, counts
<run-id>/lease/          which driver works on it (`lease.py`)
<run-id>/starts/         what each start spent
<run-id>/plan/           part-NNNNN.parquet: what the rules said of every input id
<run-id>/ledger/         outcomes, written by `ledger.LedgerWriter`
<run-id>/merged/         the same, many segments in one (`merging.py`)
<run-id>/records/        traces, written by `ledger.LedgerWriter`
<run-id>/reopened/       outcomes that the user wants done again (`reopening.py`)
<run-id>/releases/       immutable releases, drawn by `releases.publish`
<run-id>/latest.json     which release to read
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.ports import ObjectStore
from codeseq_ray.records import PlanRow
from codeseq_ray.store import parquet
from codeseq_ray.store.objects import read_all

PLAN_SCHEMA = parquet.schema(
    sequence_id=pa.string(),
    family=pa.string(),
    split=pa.string(),
    selected=pa.bool_(),
    reason=pa.string(),
)
PLAN_PART_ROWS = 50_000

NOT_RUNS = frozenset({"cache"})
"""Names beside the runs' that are taken: the response cache."""
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RunStore:
    """The objects of one run. Safe to use from threads and to pickle if its store is.

    Raises UsageError for a run id that cannot name a folder on every store.
    """

    def __init__(self, store: ObjectStore, run_id: str) -> None:
        if run_id in NOT_RUNS:
            raise UsageError(
                f"not a run id: {run_id!r} is where all runs keep what they share. Use another name."
            )
        if not _RUN_ID.fullmatch(run_id):
            raise UsageError(
                f"not a run id: {run_id!r}. Use up to 100 letters, digits, '.', '_' and '-', beginning with a "
                "letter or digit."
            )
        self.store = store
        self.run_id = run_id

    @property
    def uri(self) -> str:
        return f"{self.store.uri.rstrip('/')}/{self.run_id}"

    def key(self, name: str) -> str:
        """The store's key of an object of this run; `name` is relative to the run, as in `ledger/x.parquet`."""
        return f"{self.run_id}/{name}"

    def list(self, prefix: str) -> Iterator[str]:
        """Names (relative to the run) that begin with `prefix`, in ascending order."""
        for key in self.store.list(self.key(prefix)):
            yield key.removeprefix(f"{self.run_id}/")

    def read_all(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Every name with its object, in the order given; KeyError when one is missing."""
        start = f"{self.run_id}/"
        for key, body in read_all(self.store, (start + name for name in names)):
            yield key.removeprefix(start), body

    def read_json(self, name: str) -> dict[str, Any] | None:
        """A JSON object of this run; None when there is none. Raises StoreError when it is damaged."""
        try:
            value = json.loads(self.store.get(self.key(name)))
        except KeyError:
            return None
        except ValueError as error:
            raise StoreError(
                f"{self.uri}/{name} is not JSON ({error}): restore it or use a new run id"
            ) from error
        if not isinstance(value, dict):
            raise StoreError(f"{self.uri}/{name} is not a JSON object: restore it or use a new run id")
        return value

    def read_manifest(self) -> dict[str, Any] | None:
        """`run.json`, or None for a run that is new."""
        return self.read_json("run.json")

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        self.write_json("run.json", manifest)

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        self.store.put(self.key(name), json_bytes(value))

    def write_plan(self, rows: Iterable[PlanRow]) -> int:
        """Store the plan in parts as the rows come, in place of an earlier one. Returns the number of rows.

        Parts are replaced one by one. Whoever needs to know that a plan is whole stores its number of rows in
        `run.json` afterwards.
        """
        rows = iter(rows)
        written: set[str] = set()
        total = 0
        while part := list(islice(rows, PLAN_PART_ROWS)):
            name = f"plan/part-{len(written):05d}.parquet"
            body = parquet.encode([row.model_dump(mode="json") for row in part], PLAN_SCHEMA)
            self.store.put(self.key(name), body)
            reach(CrashPoint.PLAN_PART_PUT)
            written.add(name)
            total += len(part)
        for name in list(self.list("plan/")):
            if name not in written:
                self.store.delete(self.key(name))
        reach(CrashPoint.PLAN_PUT)
        return total

    def read_plan(self) -> Iterator[PlanRow]:
        """The stored plan in the order in which it was written; nothing if there is none."""
        names = [name for name in self.list("plan/") if name.endswith(".parquet")]
        for name, body in self.read_all(names):
            table = parquet.decode(body, PLAN_SCHEMA, f"{self.uri}/{name}")
            del body
            for batch in table.to_batches(max_chunksize=1000):
                for row in batch.to_pylist():
                    yield PlanRow.model_validate(row)


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """JSON fit to be read and compared: sorted keys, indented, UTF-8, one form for one value."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()
