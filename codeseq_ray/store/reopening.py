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
    names = [name for name in run.list("reopened/") if name.endswith(".parquet")]
    for name, body in run.read_all(names):
        for row in parquet.decode(body, _SCHEMA, f"{run.uri}/{name}").to_pylist():
            number = int(row["sequence_id"][1:])
            reopened.attempts[number] = max(row["attempt"], reopened.attempts.get(number, 0))
            reopened.times[number] += 1
    return reopened


def reopen(run: RunStore, asked: Sequence[str], ledger: Ledger, start: int, within: Iterable[int]) -> int:
    """Re-open what was asked for (selectors of `--retry`) among `within` (A-numbers); how many outcomes that were.

    0 when an earlier start was asked for the same and is not through with it.
    """
    wanted = {selected(selector) for selector in asked}
    asked = sorted(set(asked))
    if _goes_on(run, asked):
        return 0
    among = set(within)
    rows = [
        {"sequence_id": row.sequence_id, "attempt": row.attempt}
        for row in ledger
        # Failed ones are tried again in any case, and what they were answered still holds.
        if row.outcome is Outcome.REJECTED
        and {(row.outcome, ""), (row.outcome, row.reason)} & wanted
        and int(row.sequence_id[1:]) in among
    ]
    if rows:
        body = parquet.encode(rows, _SCHEMA, {_ASKED: json.dumps(asked).encode()})
        put_once(run.store, run.key(f"reopened/{start:06d}.parquet"), body)
        reach(CrashPoint.REOPENED)
    return len(rows)


def close(run: RunStore) -> None:
    """All that was re-opened is through: the same `--retry` opens anew from now on."""
    for number in _unclosed(run):
        put_once(run.store, run.key(f"reopened/{number:06d}.closed"), b"")


def _goes_on(run: RunStore, asked: list[str]) -> bool:
    for number in _unclosed(run):
        name = f"reopened/{number:06d}.parquet"
        try:
            before = json.loads(parquet.footer(run.store.get(run.key(name)))[_ASKED])
        except (KeyError, ValueError) as error:
            raise StoreError(f"{run.uri}/{name} cannot be read ({error!r}): restore it") from error
        if before == asked:
            return True
    return False


def _unclosed(run: RunStore) -> list[int]:
    seen: dict[str, set[int]] = {"parquet": set(), "closed": set()}
    for name in run.list("reopened/"):
        if found := _NAME.fullmatch(name):
            seen[found[2]].add(int(found[1]))
    return sorted(seen["parquet"] - seen["closed"])
