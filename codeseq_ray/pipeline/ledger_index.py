"""Which of these sequences already have an outcome? Asked by loop actors before they work on a batch.

Ray Data hands a block out again when the actor that worked on it dies. What that actor had already written is in
the ledger and must not be paid for again. Reading the ledger before every batch would cost a run of 400,000
sequences thousands of listings per actor; so one small actor remembers what was handed out, and reads the ledger
anew only when something is asked for twice.
"""

from __future__ import annotations

from typing import Any

import ray

from codeseq_ray.store.ledger import read_ledger
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore


class LedgerIndex:
    """State of one run: ids handed out, ids known to be done."""

    def __init__(self, store_uri: str, run_id: str) -> None:
        self._run = RunStore(open_store(store_uri), run_id)
        self._handed_out: set[int] = set()
        self._done: set[int] = set()
        if ray.get_runtime_context().was_current_actor_reconstructed:
            # What was handed out is forgotten; what had been written by then counts as handed out.
            self._done = set(read_ledger(self._run).done_ids)
            self._handed_out = set(self._done)

    def handed_out(self, numbers: list[int]) -> tuple[list[int], list[int]]:
        """Those of `numbers` that were handed out before; and those of them that have an outcome since."""
        asked = set(numbers)
        again = asked & self._handed_out
        self._handed_out |= asked
        if again - self._done:
            self._done |= again & read_ledger(self._run).done_ids
        return sorted(again), sorted(again & self._done)


def start(store_uri: str, run_id: str) -> Any:
    """The run's index (an actor handle); it ends with the handle."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(LedgerIndex).remote(store_uri, run_id)
