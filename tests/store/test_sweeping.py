"""What is swept is needed by nobody; what is young, or may still be named, stays."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from synthetic import plan_row, record

from codeseq_ray.crashpoints import CrashPoint, watched
from codeseq_ray.errors import UsageError
from codeseq_ray.ports import ChatAnswer
from codeseq_ray.records import Outcome
from codeseq_ray.store import sweeping
from codeseq_ray.store.answers import StoredAnswers
from codeseq_ray.store.lease import take
from codeseq_ray.store.ledger import LedgerWriter, read_ledger, read_record
from codeseq_ray.store.merging import merge, read_rows
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.releases import publish
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.sweeping import Why, runs_below, sweep, sweepable
from jobs import gc

DAY = timedelta(days=1)


class Died(BaseException):
    """A process that dies at a crash point."""


def die_at(point: CrashPoint) -> watched:  # type: ignore[valid-type]  # a context manager's maker
    def hook(reached: CrashPoint) -> None:
        if reached is point:
            raise Died

    return watched(hook)


def wrecked(uri: str) -> RunStore:
    """A run with a published release, and one of everything that deaths and merging leave."""
    run = RunStore(open_store(uri), "r")
    run.write_manifest({})
    for number in (1, 2, 3):
        write(run, number)
    merge(run, read_rows(run))
    write(run, 4)
    merge(run, read_rows(run))
    write(run, 5)
    for point in (CrashPoint.RECORDS_PUT, CrashPoint.SEGMENT_SEALED):
        with pytest.raises(Died), die_at(point):
            write(run, 6)
    plan = [plan_row(n) for n in range(1, 6)]
    with pytest.raises(Died), die_at(CrashPoint.RELEASE_CLAIMED):
        publish(run, plan, read_ledger(run))
    with pytest.raises(Died), die_at(CrashPoint.RELEASE_CARD_PUT):
        publish(run, plan, read_ledger(run))
    publish(run, plan, read_ledger(run))
    for _ in range(3):
        with take(run, lambda _: None):
            pass
    run.store.put(run.key("probe/x"), b"")
    answers = StoredAnswers(run.store)
    answers.put(b"k" * 16, ChatAnswer("kept", "stop", "m"))
    answers.flush()
    answers.put(b"l" * 16, ChatAnswer("lost", "stop", "m"))
    with pytest.raises(Died), die_at(CrashPoint.ANSWERS_PUT):
        answers.flush()
    return run


def write(run: RunStore, number: int) -> None:
    writer = LedgerWriter(run, "w")
    writer.add(record(number, Outcome.ACCEPTED if number % 2 else Outcome.REJECTED))
    writer.flush()


def age(folder: Path, by: timedelta, only: str = "") -> None:
    then = time.time() - by.total_seconds()
    for path in folder.rglob("*"):
        if path.is_file() and only in path.as_posix():
            os.utime(path, (then, then))


def contents(run: RunStore) -> dict[str, bytes]:
    """What a user reads: outcomes with their records, and every whole release."""
    ledger = read_ledger(run)
    found = {row.sequence_id: read_record(run, row).model_dump_json().encode() for row in ledger}
    whole = {name.rpartition("/")[0] for name in run.list("releases/") if name.endswith("/manifest.json")}
    for release in whole:
        found |= {name: run.store.get(run.key(name)) for name in run.list(f"{release}/")}
    return found


EXPECTED = {
    Why.UNACKNOWLEDGED: 1,
    Why.MERGED: 5,  # four small segments, and the first merged one
    Why.OLD_LEASE: 2,
    Why.PROBE: 1,
    Why.UNKEYED: 1,
}


def test_all_that_deaths_left_goes_and_nothing_that_is_read(tmp_path: Path) -> None:
    run = wrecked(str(tmp_path))
    age(tmp_path, DAY)
    before = contents(run)
    found = list(sweepable(run.store, ["r"], timedelta(hours=2)))
    counts = Counter(one.why for one in found)
    assert counts.pop(Why.UNFINISHED) > 3
    assert counts == EXPECTED
    sweep(run.store, found, lambda _: None)
    assert contents(run) == before
    answers = StoredAnswers(run.store)
    assert answers.refresh() == 1
    assert list(sweepable(run.store, ["r"], timedelta(hours=2))) == []
    # Numbers are not used again, and work goes on.
    write(run, 6)
    release = publish(run, [plan_row(n) for n in range(1, 7)], read_ledger(run))
    assert release.name == "releases/0004"


def test_what_is_young_stays(tmp_path: Path) -> None:
    run = wrecked(str(tmp_path))
    assert list(sweepable(run.store, ["r"], timedelta(0))) == []
    age(tmp_path, timedelta(minutes=59))
    assert list(sweepable(run.store, ["r"], timedelta(0))) == []
    age(tmp_path, timedelta(minutes=61))
    assert list(sweepable(run.store, ["r"], timedelta(0)))


def test_covered_segments_stay_while_what_covers_them_is_young(tmp_path: Path) -> None:
    run = wrecked(str(tmp_path))
    age(tmp_path, DAY)
    merge(run, read_rows(run))
    assert Why.MERGED not in {one.why for one in sweepable(run.store, ["r"], timedelta(hours=2))}


def test_a_sweep_may_die_anywhere_and_start_again(tmp_path: Path) -> None:
    run = wrecked(str(tmp_path))
    age(tmp_path, DAY)
    before = contents(run)
    deaths = 0
    while found := list(sweepable(run.store, ["r"], timedelta(hours=2))):
        with pytest.raises(Died), die_at(CrashPoint.SWEEP_DELETED):
            sweep(run.store, found, lambda _: None)
        deaths += 1
        assert contents(run) == before
    assert deaths >= sum(EXPECTED.values())


def test_on_s3_too(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SHORTEST_GRACE", timedelta(0))
    run = wrecked(store_uri)
    before = contents(run)
    time.sleep(1.1)  # S3 tells times in seconds
    found = list(sweepable(run.store, runs_below(run.store), timedelta(0)))
    counts = Counter(one.why for one in found)
    assert counts.pop(Why.UNFINISHED) > 3
    assert counts == EXPECTED
    sweep(run.store, found, lambda _: None)
    assert contents(run) == before


def test_the_job_shows_first_and_deletes_only_when_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = wrecked(str(tmp_path))
    age(tmp_path, DAY)
    objects = list(run.list(""))
    assert gc.main(["--output", str(tmp_path), "--grace-hours", "2"]) == 0
    assert "Nothing was deleted" in capsys.readouterr().out
    assert list(run.list("")) == objects
    assert gc.main(["--output", str(tmp_path), "--grace-hours", "2", "--no-dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "objects deleted" in shown
    assert Why.UNACKNOWLEDGED.value in shown
    assert len(list(run.list(""))) < len(objects)


def test_the_job_refuses_a_run_that_is_not_there(tmp_path: Path) -> None:
    wrecked(str(tmp_path / "runs"))
    with pytest.raises(UsageError, match="no run 'other'"):
        gc.main(["--output", str(tmp_path / "runs"), "--run-id", "other"])
    for wrong in ("rnus", "runs/r", "."):
        with pytest.raises(UsageError, match=r"no folder|no runs"):
            gc.main(["--output", str(tmp_path / wrong)])
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert not (tmp_path / "runs" / "r" / "cache").exists()


def test_one_run_is_swept_without_the_cache_that_all_share(tmp_path: Path) -> None:
    run = wrecked(str(tmp_path))
    age(tmp_path, DAY)
    assert gc.main(["--output", str(tmp_path), "--run-id", "r", "--grace-hours", "2", "--no-dry-run"]) == 0
    assert {one.why for one in sweepable(run.store, ["r"], timedelta(hours=2))} == {Why.UNKEYED}
