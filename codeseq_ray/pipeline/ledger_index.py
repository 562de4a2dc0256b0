"""Which of these sequences already have an outcome? Asked by loop actors before they work on a batch.

Ray Data hands a block out again when the actor that worked on it dies. What that actor had already written is in
the ledger and must not be paid for again. Reading the ledger before every batch would cost a run of 400,000
sequences thousands of listings per actor; so one small actor remembers what was handed out, and reads the ledger
anew only when something is asked for twice.
"""

from __future__ import annotations

import logging
from typing import Any

import ray

from codeseq_ray.store.ledger import read_ledger
from codeseq_ray.store.merging import read_rows
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.settings import StoreSettings

log = logging.getLogger(__name__)


class LedgerIndex:
    """State of one run: ids handed out, ids known to be done."""

    def __init__(self, store_uri: str, run_id: str, settings: StoreSettings) -> None:
        self._run = RunStore(open_patiently(store_uri, settings, log.info, look=False), run_id)
        self._handed_out: set[int] = set()
        self._done: set[int] = set()
        if ray.get_runtime_context().was_current_actor_reconstructed:
            # What was handed out is forgotten; what had been written by then counts as handed out.
            self._handed_out = {int(row.sequence_id[1:]) for row in read_ledger(self._run)}

    def handed_out(self, attempts: dict[int, int]) -> tuple[list[int], list[int]]:
        """Those of these sequences that were handed out before; and those whose attempt has an outcome since.

        `attempts`: the attempt that is to be made at each.
        """
        again = attempts.keys() & self._handed_out
        self._handed_out |= attempts.keys()
        if again - self._done:
            ledger = read_ledger(self._run)
            self._done |= {number for number in again if ledger.next_attempt(number) > attempts[number]}
        return sorted(again), sorted(again & self._done)

    def attempts_done(self, numbers: list[int]) -> dict[int, dict[int, str]]:
        """Of these sequences, those that were handed out before, each with the outcomes of its attempts."""
        again = set(numbers) & self._handed_out
        self._handed_out |= set(numbers)
        if not again:
            return {}
        done: dict[int, dict[int, str]] = {number: {} for number in again}
        table = read_rows(self._run).table
        columns = (table[name].to_pylist() for name in ("number", "attempt", "outcome"))
        for number, attempt, outcome in zip(*columns, strict=True):
            if number in done:
                done[number][attempt] = outcome
        return done


def start(store_uri: str, run_id: str, settings: StoreSettings) -> Any:
    """The run's index (an actor handle); it ends with the handle."""
    index = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(LedgerIndex)
    return index.remote(store_uri, run_id, settings)
