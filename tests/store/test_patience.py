"""Waiting for a store: what passes is waited for and told once, what does not pass is told at once."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from synthetic import MemoryStore

from codeseq_ray.errors import StoreError
from codeseq_ray.ports import Entry, ObjectStore
from codeseq_ray.store import patient
from codeseq_ray.store.conditions import SingleWriter
from codeseq_ray.store.objects import open_store, put_once
from codeseq_ray.store.patient import PatientStore

AWAY = StoreError("away", transient=True)
FORBIDDEN = StoreError("access denied")


class Clock:
    """Time that only passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(patient, "time", clock)
    return clock


class Troubled(MemoryStore):
    """Raises what it is given, one for each call, before it does anything."""

    def __init__(self, *troubles: StoreError | None, for_ever: StoreError | None = None) -> None:
        super().__init__()
        self.troubles = list(troubles)
        self.for_ever = for_ever
        self.breaks_after: list[int] = []
        """Listings break off after so many keys."""

    def meet(self) -> None:
        trouble = self.troubles.pop(0) if self.troubles else self.for_ever
        if trouble is not None:
            raise trouble

    def put(self, key: str, body: bytes) -> None:
        self.meet()
        super().put(key, body)

    def put_new(self, key: str, body: bytes) -> bool:
        self.meet()
        return super().put_new(key, body)

    def get(self, key: str) -> bytes:
        self.meet()
        return super().get(key)

    def delete(self, key: str) -> None:
        self.meet()
        super().delete(key)

    def list(self, prefix: str) -> Iterator[str]:
        self.meet()
        whole = self.breaks_after.pop(0) if self.breaks_after else 10**9
        for at, key in enumerate(super().list(prefix)):
            if at >= whole:
                raise AWAY
            yield key


CALLS: list[Callable[[ObjectStore], object]] = [
    lambda store: store.put("x", b"1"),
    lambda store: store.put_new("y", b"1"),
    lambda store: store.get("there"),
    lambda store: store.delete("z"),
    lambda store: list(store.list("")),
    lambda store: list(store.entries("")),
]


@pytest.mark.parametrize("call", CALLS)
def test_what_passes_is_waited_for_and_told_once(clock: Clock, call: Callable[[ObjectStore], object]) -> None:
    behind = Troubled(AWAY, AWAY, AWAY)
    behind.objects["there"] = b"body"
    calm = MemoryStore()
    calm.objects["there"] = b"body"
    told: list[str] = []
    assert call(PatientStore(behind, 600, told.append)) == call(calm)
    assert behind.objects == calm.objects
    assert told == [
        "the store at memory does not answer (away): waiting, nothing is lost; giving up after 10 minutes",
        "the store at memory answers again",
    ]
    assert len(clock.pauses) == 3


@pytest.mark.parametrize("call", CALLS)
def test_what_waiting_cannot_cure_is_told_at_once(
    clock: Clock, call: Callable[[ObjectStore], object]
) -> None:
    told: list[str] = []
    with pytest.raises(StoreError) as caught:
        call(PatientStore(Troubled(FORBIDDEN), 600, told.append))
    assert caught.value is FORBIDDEN
    assert (told, clock.pauses) == ([], [])


@pytest.mark.parametrize("call", CALLS)
def test_patience_ends_when_it_was_said_to(clock: Clock, call: Callable[[ObjectStore], object]) -> None:
    told: list[str] = []
    with pytest.raises(StoreError, match="gave up after waiting 10 minutes: away") as caught:
        call(PatientStore(Troubled(for_ever=AWAY), 600, told.append))
    assert caught.value.transient
    assert clock.now == pytest.approx(600)
    assert len(told) == 1
    assert 0.25 <= clock.pauses[0] <= 0.5
    assert all(pause <= 15 for pause in clock.pauses)
    assert min(clock.pauses[6:-1]) >= 7.5


def test_each_call_has_the_whole_patience(clock: Clock) -> None:
    behind = Troubled(*3 * ([AWAY] * 10 + [None]))  # ten pauses take 45 to 91 s
    store = PatientStore(behind, 95, lambda _: None)
    for body in (b"1", b"2", b"3"):
        store.put("x", body)
    assert clock.now > 95
    assert behind.objects == {"x": b"3"}


def test_without_patience_nothing_is_tried_twice(clock: Clock) -> None:
    with pytest.raises(StoreError) as caught:
        PatientStore(Troubled(AWAY), 0, lambda _: None).put("x", b"")
    assert caught.value is AWAY


def test_a_trouble_that_turns_out_to_stay_is_told_as_it_is(clock: Clock) -> None:
    with pytest.raises(StoreError) as caught:
        PatientStore(Troubled(AWAY, AWAY, FORBIDDEN), 600, lambda _: None).get("x")
    assert caught.value is FORBIDDEN


def test_an_absent_object_is_an_answer(clock: Clock) -> None:
    told: list[str] = []
    with pytest.raises(KeyError):
        PatientStore(Troubled(AWAY), 600, told.append).get("x")
    assert told[-1] == "the store at memory answers again"


def test_a_write_whose_replies_were_all_lost_is_done_once(clock: Clock) -> None:
    class Lossy(MemoryStore):
        lost = 3

        def put_new(self, key: str, body: bytes) -> bool:
            is_new = super().put_new(key, body)
            self.lost -= 1
            if self.lost >= 0:
                raise AWAY
            return is_new

    store = PatientStore(Lossy(), 600, lambda _: None)
    assert store.put_new("x", b"mine") is False
    assert store.get("x") == b"mine"
    put_once(PatientStore(Lossy(), 600, lambda _: None), "x", b"mine")


@pytest.mark.parametrize("breaks", [[0], [1], [3], [2, 2], [2, 0, 5], [1, 3, 1, 4]])
def test_a_listing_that_breaks_off_goes_on_behind_its_last_key(clock: Clock, breaks: list[int]) -> None:
    behind = Troubled()
    for number in range(6):
        behind.put(f"k/{number}", bytes(number))
    store = PatientStore(behind, 600, lambda _: None)
    behind.breaks_after = list(breaks)
    assert list(store.list("k/")) == [f"k/{number}" for number in range(6)]
    behind.breaks_after = list(breaks)
    assert [entry.bytes for entry in store.entries("k/")] == list(range(6))


def test_many_threads_in_one_outage_tell_it_once() -> None:
    answers_again = threading.Event()
    arrived = threading.Semaphore(0)

    class Down(MemoryStore):
        def get(self, key: str) -> bytes:
            arrived.release()
            if not answers_again.is_set():
                raise AWAY
            return b""

    told: list[str] = []
    store = PatientStore(Down(), 60, told.append)
    threads = [threading.Thread(target=store.get, args=("x",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(16):  # each has failed at least once, some twice
        arrived.acquire()
    answers_again.set()
    for thread in threads:
        thread.join()
    assert [text.split("memory ")[1][:13] for text in told] == ["does not answ", "answers again"]


def test_a_pickled_store_is_as_patient(tmp_path: Path, clock: Clock) -> None:
    store = PatientStore(SingleWriter(open_store(str(tmp_path))), 600, print)
    again: PatientStore = pickle.loads(pickle.dumps(store))
    assert again.uri == store.uri == str(tmp_path)
    assert again.put_new("x", b"1")
    assert not store.put_new("x", b"2")
    assert again.__reduce__()[1][1] == 600


def test_entries_pass_through(tmp_path: Path) -> None:
    store = PatientStore(open_store(str(tmp_path)), 600, print)
    store.put("x", b"123")
    (entry,) = store.entries("")
    assert isinstance(entry, Entry)
    assert (entry.key, entry.bytes) == ("x", 3)
