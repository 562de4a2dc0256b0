"""A run's rollouts as figures: read once from the records, the long texts left where they are."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from codeseq_ray.errors import StoreError
from codeseq_ray.records import Outcome, Rollout
from codeseq_ray.store import parquet
from codeseq_ray.store.merging import LedgerRows
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import RECORD_SCHEMA

FIGURES = pa.schema(
    [
        ("number", pa.int64()),
        ("sample", pa.int32()),
        ("passed", pa.bool_()),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        ("cases_passed", pa.int32()),
        ("cases", pa.int32()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("replayed", pa.bool_()),
    ]
)
"""By number, then sample. `cases` is 0 where there was nothing to judge."""


def read_figures(run: RunStore, rows: LedgerRows) -> pa.Table:
    """One row for each rollout that the ledger acknowledges: about 40 bytes.

    Raises StoreError when a record that is acknowledged is gone.
    """
    wanted: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for batch in rows.table.to_batches():
        for row in batch.to_pylist():
            wanted[row["record_key"]].add((f"A{row['number']:06d}", row["attempt"]))
    tables = [FIGURES.empty_table()]
    for name in sorted(wanted):
        where = f"{run.uri}/{name}"
        try:
            table = parquet.decode(run.store.get(run.key(name)), RECORD_SCHEMA, where)
        except KeyError:
            raise StoreError(f"{where} is missing although the ledger names it: restore it") from None
        found: list[dict[str, Any]] = []
        for row in table.to_pylist():
            key = row["sequence_id"], row["attempt"]
            if key in wanted[name]:
                wanted[name].remove(key)
                found.append(_figures(Rollout.model_validate_json(row["record"])))
        if wanted[name]:
            raise StoreError(f"{where} lacks {min(wanted[name])[0]} although the ledger names it: restore it")
        tables.append(pa.Table.from_pylist(found, schema=FIGURES))
    whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    order = np.lexsort((whole["sample"].to_numpy(), whole["number"].to_numpy()))
    ordered: pa.Table = whole.take(pa.array(order))
    return ordered


def _figures(rollout: Rollout) -> dict[str, Any]:
    call, verdict = rollout.call, rollout.verdict
    return {
        "number": int(rollout.sequence_id[1:]),
        "sample": rollout.sample,
        "passed": rollout.outcome is Outcome.ACCEPTED,
        "reason": rollout.reason,
        "cases_passed": verdict.passed if verdict else 0,
        "cases": verdict.total if verdict else 0,
        "prompt_tokens": call.prompt_tokens if call else 0,
        "completion_tokens": call.completion_tokens if call else 0,
        "replayed": call.replayed if call else False,
    }
