"""A store that cannot tell two writers apart is found out before any work; its user has a way out."""

from __future__ import annotations

import threading
import time

import pytest
from synthetic import MemoryStore

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.store.conditions import SingleWriter, require_conditional_puts
from codeseq_ray.store.objects import open_store, put_once


class Locked(MemoryStore):
    """As atomic as a store has to be."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def put_new(self, key: str, body: bytes) -> bool:
        with self.lock:
            return super().put_new(key, body)


class Ignorant(MemoryStore):
    """Takes no notice of the condition."""

    def put_new(self, key: str, body: bytes) -> bool:
        self.put(key, body)
        return True


class Lying(MemoryStore):
    """Says no, and overwrites."""

    def put_new(self, key: str, body: bytes) -> bool:
        is_new = key not in self.objects
        self.put(key, body)
        return is_new


class Lacking(MemoryStore):
    """Answers 501."""

    def put_new(self, key: str, body: bytes) -> bool:
        raise StoreError("the server lacks conditional writes")


class Unlocked(MemoryStore):
    """Looks, and then puts, as a server behind a network would."""

    def put_new(self, key: str, body: bytes) -> bool:
        if key in self.objects:
            return False
        time.sleep(0.002)
        self.put(key, body)
        return True


def test_stores_that_hold_are_let_through_and_left_as_they_were(store_uri: str) -> None:
    store = open_store(store_uri)
    store.put("r/x", b"1")
    require_conditional_puts(store, "r/probe/")
    assert list(store.list("")) == ["r/x"]


@pytest.mark.parametrize(
    ("store", "says"),
    [
        (Ignorant(), "ignores the condition"),
        (Lying(), "yet overwrote"),
        (Lacking(), "does not know conditional puts"),
        (Unlocked(), "simultaneous conditional puts"),
    ],
)
def test_stores_that_do_not_hold_are_refused_with_both_ways_out(store: MemoryStore, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        require_conditional_puts(store, "probe/")
    assert "another --output" in str(caught.value)
    assert "--single-writer" in str(caught.value)
    assert store.objects == {}


def test_a_store_in_trouble_is_not_taken_for_one_that_lacks_something() -> None:
    class Busy(MemoryStore):
        def put_new(self, key: str, body: bytes) -> bool:
            raise StoreError("busy", transient=True)

    class ReadOnly(MemoryStore):
        def put(self, key: str, body: bytes) -> None:
            raise StoreError("access denied")

        def put_new(self, key: str, body: bytes) -> bool:
            raise StoreError("access denied")

    for store, says in ((Busy(), "busy"), (ReadOnly(), "access denied")):
        with pytest.raises(StoreError, match=says):
            require_conditional_puts(store, "probe/")


def test_lost_replies_do_not_make_a_store_look_bad() -> None:
    class Repeating(Locked):
        """Its client's own retry finds what its first try wrote."""

        def put_new(self, key: str, body: bytes) -> bool:
            super().put_new(key, body)
            return False

    require_conditional_puts(Repeating(), "probe/")


def test_a_single_writer_makes_do_with_plain_puts(store_uri: str) -> None:
    behind = open_store(store_uri)
    store = SingleWriter(behind)
    assert store.uri == behind.uri
    assert store.put_new("x", b"first")
    assert not store.put_new("x", b"second")
    put_once(store, "x", b"first")
    with pytest.raises(StoreError, match="other contents"):
        put_once(store, "x", b"second")
    assert [(e.key, e.bytes) for e in store.entries("")] == [("x", 5)]
    store.delete("x")
    assert list(store.list("")) == []


def test_a_single_writer_never_sends_a_condition() -> None:
    store = SingleWriter(Lacking())
    put_once(store, "x", b"1")
    put_once(store, "x", b"1")
    assert store.get("x") == b"1"
