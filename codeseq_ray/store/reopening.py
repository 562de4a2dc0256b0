"""Outcomes that the user wants done again (`--retry`).

<run-id>/reopened/NNNNNN.parquet   which attempts at which sequences, and in the footer what was asked for
<run-id>/reopened/NNNNNN.closed    that start's retry is through

NNNNNN is the number of the start that re-opened them (`lease.py`). The rows are written before any work on them, so
a start that is killed leaves a list to go on with; a sequence is through when it has an outcome of a later attempt.
While a list is not closed, the same `--retry` goes on with it instead of opening everything once more: a job that its
scheduler starts again does not pay again. Old outcomes keep their rows and records; the ledger counts the latest.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import StoreError
from codeseq_ray.records import Outcome
from codeseq_ray.store import parquet
from codeseq_ray.store.ledger import Ledger
from codeseq_ray.store.objects import put_once
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.segments import LEDGER_SCHEMA
from codeseq_ray.store.settings import selected

_SCHEMA = parquet.schema(
    sequence_id=LEDGER_SCHEMA.field("sequence_id").type, attempt=LEDGER_SCHEMA.field("attempt").type
)
_ASKED = b"asked"
_NAME = re.compile(r"reopened/(\d{6,})\.(parquet|closed)")


@dataclass(frozen=True)
class Reopened:
    """What was re-opened so far, by all starts."""

    attempts: dict[int, int] = field(default_factory=dict)
    """By A-number: the attempt whose outcome does not count as done."""
    times: Counter[int] = field(default_factory=Counter)
    """By A-number: how often it was re-opened."""

    def open(self, ledger: Ledger) -> set[int]:
        """Sequences of which no later attempt has an outcome yet."""
        return {
            number for number, attempt in self.attempts.items() if ledger.next_attempt(number) <= attempt + 1
        }


def read_reopened(run: RunStore) -> Reopened:
    reopened = Reopened()
    for name in [name for name in run.list("reopened/") if name.endswith(".parquet")]:
        for number, attempt in _rows(run, name).items():
            reopened.attempts[number] = max(attempt, reopened.attempts.get(number, 0))
            reopened.times[number] += 1
    return reopened


def reopen(
    run: RunStore,
    asked: Sequence[str],
    ledger: Ledger,
    start: int,
    within: Iterable[int],
    limit: int | None = None,
) -> int:
    """Re-open what was asked for (selectors of `--retry`) among `within` (A-numbers); how many outcomes that were.

    0 when an earlier start was asked for the same, with the same `limit`, and is not through with it. Where only the
    limit is another, what that start re-opened is not opened once more.
    """
    wanted = {selected(selector) for selector in asked}
    asked = sorted(set(asked))
    among = set(within)
    for name, before, its_limit in _unclosed(run):
        if before == asked and its_limit == limit:
            return 0
        if before == asked:
            among -= _rows(run, name).keys()
    rows = [
        {"sequence_id": row.sequence_id, "attempt": row.attempt}
        for row in ledger
        # Failed ones are tried again in any case, and what they were answered still holds.
        if row.outcome is Outcome.REJECTED
        and {(row.outcome, ""), (row.outcome, row.reason)} & wanted
        and int(row.sequence_id[1:]) in among
    ]
    if rows:
        footer = {_ASKED: json.dumps({"selectors": asked, "limit": limit}).encode()}
        body = parquet.encode(rows, _SCHEMA, footer)
        put_once(run.store, run.key(f"reopened/{start:06d}.parquet"), body)
        reach(CrashPoint.REOPENED)
    return len(rows)


def close(run: RunStore, ledger: Ledger) -> None:
    """Close the lists of which everything is through: the same `--retry` opens anew from then on."""
    for name, _, _ in _unclosed(run):
        if all(ledger.next_attempt(number) > attempt + 1 for number, attempt in _rows(run, name).items()):
            put_once(run.store, run.key(name.replace(".parquet", ".closed")), b"")


def _rows(run: RunStore, name: str) -> dict[int, int]:
    """A list's attempts by A-number."""
    rows = parquet.decode(run.store.get(run.key(name)), _SCHEMA, f"{run.uri}/{name}").to_pylist()
    return {int(row["sequence_id"][1:]): row["attempt"] for row in rows}


def _unclosed(run: RunStore) -> list[tuple[str, list[str], int | None]]:
    """Name, selectors and limit of each list that is not closed."""
    names = [name for name in run.list("reopened/") if _NAME.fullmatch(name)]
    closed = {name.removesuffix(".closed") for name in names if name.endswith(".closed")}
    found = []
    for name in names:
        if name.endswith(".parquet") and name.removesuffix(".parquet") not in closed:
            try:
                asked = json.loads(parquet.footer(run.store.get(run.key(name)))[_ASKED])
                found.append((name, asked["selectors"], asked["limit"]))
            except (KeyError, ValueError, TypeError) as error:
                raise StoreError(f"{run.uri}/{name} cannot be read ({error!r}): restore it") from error
    return found
