"""Outcomes done again: which, how often, and that a restart neither forgets nor repeats."""

from __future__ import annotations

import pytest
from synthetic import MemoryStore, record

from codeseq_ray.errors import StoreError
from codeseq_ray.records import Outcome
from codeseq_ray.store.ledger import LedgerWriter, read_ledger, read_record
from codeseq_ray.store.merging import merge, read_rows
from codeseq_ray.store.reopening import close, read_reopened, reopen
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.settings import selected

ALL = range(1, 100)


@pytest.fixture
def run() -> RunStore:
    """Five outcomes, of every kind."""
    run = RunStore(MemoryStore(), "r")
    write(run, (1, Outcome.ACCEPTED), (2, Outcome.REJECTED), (3, Outcome.REJECTED), (4, Outcome.FAILED))
    write(run, (5, Outcome.REJECTED), reason="not_validated")
    return run


def write(run: RunStore, *outcomes: tuple[int, Outcome], attempt: int = 1, reason: str = "") -> None:
    writer = LedgerWriter(run, "w")
    for number, outcome in outcomes:
        made = record(number, outcome, attempt=attempt)
        writer.add(made.model_copy(update={"reason": reason or made.reason}))
    writer.flush()


def open_now(run: RunStore) -> set[int]:
    return read_reopened(run).open(read_ledger(run))


def test_what_is_asked_for_is_reopened_and_nothing_else(run: RunStore) -> None:
    assert reopen(run, ["rejected:not_validated"], read_ledger(run), 2, ALL) == 1
    assert open_now(run) == {5}
    assert reopen(run, ["rejected"], read_ledger(run), 3, ALL) == 3
    assert open_now(run) == {2, 3, 5}
    assert read_reopened(run).times == {2: 1, 3: 1, 5: 2}


def test_only_what_is_within_the_limit_is_reopened(run: RunStore) -> None:
    assert reopen(run, ["rejected"], read_ledger(run), 2, [3, 4]) == 1
    assert open_now(run) == {3}


def test_failed_ones_come_again_without_being_reopened(run: RunStore) -> None:
    assert reopen(run, ["failed"], read_ledger(run), 2, ALL) == 0
    assert open_now(run) == set()
    assert 4 not in read_ledger(run).done_ids


def test_a_start_that_dies_leaves_the_rest_to_the_next_and_opens_nothing_twice(run: RunStore) -> None:
    assert reopen(run, ["rejected"], read_ledger(run), 2, ALL) == 3
    write(run, (2, Outcome.REJECTED), attempt=2)  # and then it was killed
    # The job's next start, with the same flag: only what is left.
    assert reopen(run, ["rejected"], read_ledger(run), 3, ALL) == 0
    assert open_now(run) == {3, 5}
    # Also one without the flag goes on, and also when all is through but not yet published.
    write(run, (3, Outcome.ACCEPTED), (5, Outcome.REJECTED), attempt=2)
    assert open_now(run) == set()
    assert reopen(run, ["rejected"], read_ledger(run), 4, ALL) == 0
    assert open_now(run) == set()
    close(run, read_ledger(run))
    # A new wish opens anew.
    assert reopen(run, ["rejected"], read_ledger(run), 5, ALL) == 2
    assert open_now(run) == {2, 5}
    assert read_reopened(run).times[2] == 2


def test_a_list_that_a_smaller_start_left_undone_stays_open(run: RunStore) -> None:
    assert reopen(run, ["rejected"], read_ledger(run), 2, ALL) == 3
    write(run, (2, Outcome.REJECTED), attempt=2)
    close(run, read_ledger(run))  # a start with a --limit that had only this one to do ends well
    assert reopen(run, ["rejected"], read_ledger(run), 4, ALL) == 0
    assert open_now(run) == {3, 5}
    assert read_reopened(run).times == {2: 1, 3: 1, 5: 1}


def test_a_wider_limit_opens_the_rest_and_nothing_twice(run: RunStore) -> None:
    assert reopen(run, ["rejected"], read_ledger(run), 2, [2, 3], limit=2) == 2
    write(run, (2, Outcome.REJECTED), attempt=2)
    assert reopen(run, ["rejected"], read_ledger(run), 3, [2, 3], limit=2) == 0
    assert reopen(run, ["rejected"], read_ledger(run), 4, ALL) == 1
    assert open_now(run) == {3, 5}
    assert read_reopened(run).times == {2: 1, 3: 1, 5: 1}


def test_the_old_trace_is_kept_also_in_a_merged_ledger(run: RunStore) -> None:
    old = read_ledger(run).get(5)
    assert old is not None
    reopen(run, ["rejected"], read_ledger(run), 2, ALL)
    write(run, (5, Outcome.ACCEPTED), attempt=2)
    merge(run, read_rows(run))
    new = read_ledger(run).get(5)
    assert new is not None
    assert (new.outcome, new.attempt) == (Outcome.ACCEPTED, 2)
    assert read_record(run, old).outcome is Outcome.REJECTED
    attempts = [row["attempt"] for row in read_rows(run).table.to_pylist() if row["number"] == 5]
    assert attempts == [2, 1]


def test_a_retry_that_failed_is_still_to_be_done_and_is_not_asked_anew_again(run: RunStore) -> None:
    reopen(run, ["rejected:not_validated"], read_ledger(run), 2, ALL)
    write(run, (5, Outcome.FAILED), attempt=2)
    ledger = read_ledger(run)
    assert 5 not in ledger.done_ids
    assert ledger.next_attempt(5) == 3
    assert read_reopened(run).times[5] == 1


def test_a_list_that_cannot_be_written_opens_nothing(run: RunStore) -> None:
    assert isinstance(run.store, MemoryStore)
    run.store.faults = ["lost"]
    with pytest.raises(StoreError):
        reopen(run, ["rejected"], read_ledger(run), 2, ALL)
    assert open_now(run) == set()


@pytest.mark.parametrize(
    "text", ["accepted", "rejected:", "rejected:nonsense", "failed:infrastructure", "", "REJECTED"]
)
def test_what_cannot_be_retried_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(ValueError, match="rejected:REASON with one of"):
        selected(text)
