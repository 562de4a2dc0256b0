"""The response cache over a store: everybody finds what was written, and a store that fails loses nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import StoreError
from codeseq_ray.ports import ChatAnswer
from codeseq_ray.store.answers import SEGMENTS_HELD, StoredAnswers
from codeseq_ray.store.objects import FolderStore
from tests.store.synthetic import MemoryStore

keys = st.binary(min_size=16, max_size=16)
answers = st.builds(
    ChatAnswer,
    text=st.text(),
    finish_reason=st.sampled_from(["stop", "length"]),
    model=st.text(min_size=1),
    reasoning=st.text(),
    prompt_tokens=st.integers(0, 10**9),
    completion_tokens=st.integers(0, 10**9),
    seconds=st.floats(0, 1e6),
)


def found(cache: StoredAnswers, *wanted: bytes) -> list[ChatAnswer | None]:
    async def ask() -> list[ChatAnswer | None]:
        return await asyncio.gather(*(cache.get(key) for key in wanted))

    return asyncio.run(ask())


def answer(number: int) -> ChatAnswer:
    return ChatAnswer(text=f"answer {number}", finish_reason="stop", model="m")


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


@given(st.lists(st.dictionaries(keys, answers, max_size=5), max_size=4), keys)
def test_every_answer_is_found_before_and_after_it_is_written_and_by_others(
    segments: list[dict[bytes, ChatAnswer]], other: bytes
) -> None:
    store = MemoryStore()
    cache = StoredAnswers(store)
    told: dict[bytes, ChatAnswer] = {}
    for segment in segments:
        for k, v in segment.items():
            if k not in told:
                cache.put(k, v)
                told[k] = v
        assert found(cache, *told) == list(told.values())
        cache.flush()
        assert found(cache, *told) == list(told.values())
    later = StoredAnswers(store)
    assert later.refresh() == len(told)
    assert found(later, *told) == list(told.values())
    if other not in told:
        assert found(later, other) == [None]


@pytest.mark.parametrize("half", ["first", "last"])
def test_keys_that_share_a_half_are_told_apart(half: str) -> None:
    def alike(number: int) -> bytes:
        return (
            bytes(8) + number.to_bytes(8, "big") if half == "first" else number.to_bytes(8, "big") + bytes(8)
        )

    store = MemoryStore()
    for number in range(5):  # each in a segment of its own
        cache = StoredAnswers(store)
        cache.put(alike(number), answer(number))
        cache.flush()
    later = StoredAnswers(store)
    later.refresh()
    assert found(later, *map(alike, range(6))) == [*map(answer, range(5)), None]


def test_a_crowd_that_asks_for_more_segments_than_are_held_gets_every_answer() -> None:
    store = MemoryStore()
    for number in range(3 * SEGMENTS_HELD):
        cache = StoredAnswers(store)
        cache.put(key(number), answer(number))
        cache.flush()
    later = StoredAnswers(store)
    later.refresh()
    order = [n * 7 % (3 * SEGMENTS_HELD) for n in range(300)]
    assert found(later, *map(key, order)) == [answer(n) for n in order]


def test_what_others_write_is_found_after_a_refresh(tmp_path: Path) -> None:
    one, two = StoredAnswers(FolderStore(tmp_path)), StoredAnswers(FolderStore(tmp_path))
    one.put(key(1), answer(1))
    one.flush()
    assert found(two, key(1)) == [None]
    two.refresh()
    assert found(two, key(1)) == [answer(1)]
    assert two.refresh() == 1


def test_a_store_that_fails_loses_no_answer_and_keeps_what_was_half_written_out_of_sight() -> None:
    class Failing(MemoryStore):
        left = 1

        def put_new(self, key: str, body: bytes) -> bool:
            if self.left == 0:
                raise StoreError("full")
            self.left -= 1
            return super().put_new(key, body)

    store = Failing()
    cache = StoredAnswers(store)
    cache.put(key(1), answer(1))
    with pytest.raises(StoreError, match="full"):
        cache.flush()  # the answers are there, their keys are not
    cache.put(key(2), answer(2))
    assert found(cache, key(1), key(2)) == [answer(1), answer(2)]
    other = StoredAnswers(store)
    assert other.refresh() == 0
    assert found(other, key(1)) == [None]
    assert cache.due
    store.left = 100
    cache.flush()
    assert other.refresh() == 2
    assert found(other, key(1), key(2)) == [answer(1), answer(2)]


def test_a_missing_or_foreign_segment_is_named_with_its_remedy() -> None:
    store = MemoryStore()
    cache = StoredAnswers(store)
    cache.put(key(1), answer(1))
    cache.flush()
    (name,) = store.list("cache/answers/")
    body = store.get(name)
    for broken in (None, b"nonsense", body[: len(body) // 2]):
        store.delete(name)
        if broken is not None:
            store.put(name, broken)
        later = StoredAnswers(store)
        later.refresh()
        with pytest.raises(StoreError, match=name):
            found(later, key(1))


def test_half_surrogates_in_an_answer_can_be_stored() -> None:
    store = MemoryStore()
    cache = StoredAnswers(store)
    cache.put(key(1), ChatAnswer(text="a \ud800 b", finish_reason="stop", model="m"))
    cache.flush()
    later = StoredAnswers(store)
    later.refresh()
    (again,) = found(later, key(1))
    assert again is not None
    assert again.text == "a ? b"
