"""One driver at a time: who may take a run, and when."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from codeseq_ray.errors import RunInUseError, StoreError
from codeseq_ray.store import lease
from codeseq_ray.store.lease import Lease, take
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.run import RunStore, json_bytes
from tests.store.synthetic import MemoryStore


class Time:
    """A clock that only sleeping moves; `during` is called in every sleep."""

    def __init__(self, during: Callable[[float], None] = lambda _: None) -> None:
        self.now = 0.0
        self.during = during

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.during(self.now)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def run() -> RunStore:
    return RunStore(MemoryStore(), "r")


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each lease here seems to be held on a machine of its own: whether its holder lives, only beats can tell."""
    names: list[str] = []

    def holder() -> dict[str, object]:
        names.append(f"host-{len(names)}")
        return {"host": names[-1], "pid": 7, "machine": names[-1], "begun": "0"}

    monkeypatch.setattr(lease, "_this_process", holder)
    return names


def taken(run: RunStore, time: Time, said: list[str] | None = None, *, wait: bool = False) -> Lease:
    say = (said if said is not None else []).append
    return take(run, say, wait=wait, clock=time.clock, sleep=time.sleep)


def test_a_run_that_nobody_holds_is_taken_at_once(run: RunStore) -> None:
    time = Time()
    with taken(run, time) as first:
        assert first.number == 1
    assert taken(run, time).number == 2
    assert time.now == 0


def test_a_run_whose_holder_beats_is_refused_and_named(run: RunStore) -> None:
    first = taken(run, Time())
    with pytest.raises(RunInUseError, match="process 7 on host-"):
        taken(run, Time(lambda now: first.beat() if now % 5 == 0 else None))
    first.beat()
    assert not first.lost


def test_whoever_waits_has_the_run_when_it_is_given_back(run: RunStore) -> None:
    first = taken(run, Time())

    def live(now: float) -> None:
        if now < 100:
            first.beat()
        elif now == 100:
            first.__exit__()

    time = Time(live)
    assert taken(run, time, wait=True).number == 2
    assert 100 <= time.now < 105


def test_a_silent_holder_is_taken_over_and_learns_of_it(run: RunStore) -> None:
    first, time, said = taken(run, Time()), Time(), []
    second = taken(run, time, said)
    assert lease.STALE_SECONDS <= time.now < lease.STALE_SECONDS + 5
    assert any("taking over" in line for line in said)
    first.beat()
    assert first.lost
    second.beat()
    assert not second.lost
    # What the loser does at its end does not give the winner's run away.
    first.__exit__()
    with pytest.raises(RunInUseError):
        taken(run, Time(lambda _: second.beat()))


def test_time_in_which_the_store_did_not_answer_is_no_silence(run: RunStore) -> None:
    first = taken(run, Time())
    hours: list[float] = []

    class Stuck(Time):
        def sleep(self, seconds: float) -> None:
            # The third look takes an hour: a patient store waited for its server. Then the holder beats again.
            super().sleep(3600 if self.now == 2 else seconds)
            hours.append(self.now)
            if self.now > 3600 + 10:
                first.beat()

    with pytest.raises(RunInUseError):
        taken(run, Stuck())
    assert hours[-1] > 3600


def test_of_many_that_want_a_dead_run_one_gets_it(run: RunStore) -> None:
    taken(run, Time())
    won: list[int] = []
    lost: list[BaseException] = []
    ready = threading.Barrier(8)

    def want() -> None:
        time = Time()
        ready.wait()
        try:
            mine = take(run, lambda _: None, clock=time.clock, sleep=time.sleep, stale_seconds=5)
            won.append(mine.number)
            for _ in range(200):
                mine.beat()
        except RunInUseError as error:
            lost.append(error)

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    # Whoever watched a winner that had stopped beating took it over in turn: never two with one number.
    assert len(won) == len(set(won)) >= 1
    assert len(won) + len(lost) == 8


def test_a_lost_reply_gives_the_lease_to_whoever_wrote_it() -> None:
    store = MemoryStore()
    store.faults = ["repeated"]
    assert taken(RunStore(store, "r"), Time()).number == 1


def test_a_heart_that_cannot_write_goes_on_and_one_that_lost_says_so_once(run: RunStore) -> None:
    told: list[str] = []
    heard = threading.Event()
    first = taken(run, Time())
    assert isinstance(run.store, MemoryStore)
    run.store.faults = ["lost"] * 3

    def on_lost(by: str) -> None:
        told.append(by)
        heard.set()

    with first.keep(on_lost, seconds=0.01):
        while run.store.faults:
            assert not heard.wait(0.01)
        run.store.put_new(run.key("lease/000002.json"), json_bytes({"holder": {"host": "other", "pid": 9}}))
        assert heard.wait(10)
    assert told == ["process 9 on other"]


def test_a_lease_is_not_given_back_while_its_heart_may_still_write(
    run: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "STALE_SECONDS", 0.2)
    first = taken(run, Time())
    store, stuck, go_on = run.store, threading.Event(), threading.Event()
    put = store.put

    def waiting(key: str, body: bytes) -> None:
        stuck.set()
        assert go_on.wait(10)
        put(key, body)

    monkeypatch.setattr(store, "put", waiting)
    first.keep(lambda _: None, seconds=0.01)
    assert stuck.wait(10)
    monkeypatch.setattr(store, "put", put)
    first.__exit__()
    held = run.read_json("lease/000001.json")
    assert held is not None
    assert not held["released"]
    go_on.set()


def test_a_store_that_is_gone_at_the_end_leaves_a_lease_that_turns_stale(run: RunStore) -> None:
    first = taken(run, Time())
    assert isinstance(run.store, MemoryStore)
    run.store.faults = ["lost"]
    first.__exit__()
    run.store.faults = ["lost"]
    with pytest.raises(StoreError):
        first.beat()
    time = Time()
    assert taken(run, time).number == 2
    assert time.now >= lease.STALE_SECONDS


def test_a_holder_that_died_on_this_machine_is_not_waited_for(
    store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    run = RunStore(open_store(store_uri), "r")
    code = (
        "import os, sys; from codeseq_ray.store.objects import open_store; "
        "from codeseq_ray.store.run import RunStore; from codeseq_ray.store.lease import take; "
        "take(RunStore(open_store(sys.argv[1]), 'r'), print); print('taken', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, store_uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "taken\n"
    time = Time()
    with pytest.raises(AssertionError, match="would wait"):
        # It lives: it has to be watched.
        take(run, lambda _: None, clock=time.clock, sleep=_refuse)
    holder.kill()
    holder.communicate()
    assert take(run, lambda _: None, clock=time.clock, sleep=_refuse).number == 2


def _refuse(_: float) -> None:
    raise AssertionError("would wait")
