"""From runs in a store to the page: read, reckon, draw, pack."""

from __future__ import annotations

from collections.abc import Callable

from codeseq_ray.reporting.comparing import compare
from codeseq_ray.reporting.explorer import chosen, index, packed, packed_records
from codeseq_ray.reporting.page import Packed, page, tell
from codeseq_ray.reporting.reading import read_run, read_whole
from codeseq_ray.reporting.solving import read_solvability
from codeseq_ray.store.ledger import read_ledger
from codeseq_ray.store.run import RunStore

RECORDS_BYTES = 2_000_000
"""Of the page, for records shown whole."""


def report(
    run: RunStore,
    say: Callable[[str], None],
    *,
    against: RunStore | None = None,
    rollouts: RunStore | None = None,
    records: int = 1500,
    seed: int = 0,
    address: str = "",
) -> str:
    """The page (HTML). `records`: at most so many can be opened in it, as far as they fit into `RECORDS_BYTES`.

    `address`: the run as its reader would name it in a command; by default as the store does.

    Raises UsageError where a run is none of the kind, or has nothing to tell yet.
    """
    ledger = read_ledger(run)  # once: a run that goes on may say more the next time
    facts = read_run(run, ledger, say)
    other = read_run(against, read_ledger(against), say) if against else None
    solved = read_solvability(rollouts) if rollouts else None
    say("report: reckoning and drawing …")
    told = tell(facts, compare(facts, other) if other else None, solved)
    order = chosen(facts.facts, told.named, records, seed)
    lines, whole = packed_records(read_whole(run, ledger, set(order)), order, RECORDS_BYTES)
    held = Packed(packed(index(facts.facts, facts.dropped)), lines, len(whole))
    return page(facts, told, held, address or run.uri)
