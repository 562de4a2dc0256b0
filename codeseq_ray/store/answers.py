"""The response cache: model answers under `cache/` of an output folder or bucket, shared by all its runs.

cache/answers/<segment>.parquet   key, answer (JSON)
cache/keys/<segment>.parquet      the keys of that segment: small, read by everybody at the start

As in the ledger, what acknowledges comes last: first the answers, then their keys. A segment never changes and has
a name that no other writer uses. Answers are packed, as a store takes some hundred small objects a second and an
engine gives thousands of answers.

An actor holds an index of all keys (16 bytes an answer, so 50 MB for three million) and the few segments that it
read last: a run that goes through the same sequences again asks for neighbours.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from codeseq_ray.crashpoints import CrashPoint, reach
from codeseq_ray.errors import StoreError
from codeseq_ray.ports import ChatAnswer, ObjectStore
from codeseq_ray.store import parquet
from codeseq_ray.store.objects import put_once, read_all

FOLDER = "cache"
KEY_BYTES = 16
KEYS_SCHEMA = parquet.schema(key=pa.binary(KEY_BYTES))
ANSWERS_SCHEMA = parquet.schema(key=pa.binary(KEY_BYTES), answer=pa.string())
EVERY = 256
SECONDS = 5.0
OWN_APART = 50_000
"""Own answers kept beside the index before they are put into it."""
SEGMENTS_HELD = 16
"""Decoded segments in memory: some megabytes each at most."""

_ANSWER: TypeAdapter[ChatAnswer] = TypeAdapter(ChatAnswer)
_Heads = npt.NDArray[np.uint64]
_Places = npt.NDArray[np.uint32]


class StoredAnswers:
    """`ports.AnswerCache` over an object store. Made blocking (`refresh` reads the index); safe to use from threads.

    What is `put` is found at once here, and by others once it was written: by a `flush`, for which
    it is time when it is `due`. When a put fails StoreError is raised by the flush and everything stays here.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        every: int = EVERY,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._name = uuid.uuid4().hex
        self._every, self._seconds, self._clock = every, seconds, clock
        self._written = 0
        self._oldest = 0.0
        self._waiting: dict[bytes, ChatAnswer] = {}
        self._sealed: tuple[str, dict[bytes, ChatAnswer]] | None = None
        self._buffer_lock, self._write_lock = threading.Lock(), threading.Lock()
        self._segments: list[str] = []
        self._indexed: set[str] = set()
        self._index = _Index()
        self._own: dict[bytes, tuple[int, int]] = {}
        self._held: OrderedDict[int, _Page] = OrderedDict()
        self._reading: dict[int, asyncio.Task[_Page]] = {}

    # -------------------------------------------------------------------------------------------- reading

    def refresh(self) -> int:
        """Read the keys that others have written since; returns how many answers are known."""
        with self._write_lock:
            names = [name for name in self._store.list(f"{FOLDER}/keys/") if name not in self._indexed]
            heads, segments, rows = [], [], []
            for name, body in read_all(self._store, names):
                table = parquet.decode(body, KEYS_SCHEMA, f"{self._store.uri}/{name}")
                heads.append(_heads(table["key"].to_pylist()))
                segments.append(np.full(len(table), len(self._segments), dtype=np.uint32))
                rows.append(np.arange(len(table), dtype=np.uint32))
                self._segments.append(name.replace("/keys/", "/answers/", 1))
            if names:
                self._index = self._index.with_more(heads, segments, rows)
                self._indexed.update(names)
        return len(self._index) + len(self._own)

    def _fold(self) -> None:
        """Put the own answers into the index, which takes a tenth of the memory but is slow to add to."""
        keys, places = list(self._own), np.array(list(self._own.values()), dtype=np.uint32)
        self._index = self._index.with_more([_heads(keys)], [places[:, 0]], [places[:, 1]])
        self._own = {}

    async def get(self, key: bytes) -> ChatAnswer | None:
        with self._buffer_lock:
            known = self._waiting.get(key) or (self._sealed and self._sealed[1].get(key))
        if known:
            return known
        own = self._own.get(key)
        for segment, row in [own] if own else self._index.places(key):
            page = await self._page(segment)
            if page.keys[row] == key:
                return self._decoded(page.answers[row], segment)
        return None

    async def _page(self, segment: int) -> _Page:
        """A segment's contents, read once for all who wait for it."""
        page = self._held.get(segment)
        if page is None:
            reading = self._reading.get(segment)
            if reading is None:
                reading = self._reading[segment] = asyncio.create_task(asyncio.to_thread(self._read, segment))
                reading.add_done_callback(lambda _: self._reading.pop(segment, None))
            try:
                page = self._held[segment] = await asyncio.shield(reading)
            except StoreError as error:
                raise StoreError(str(error)) from error  # each who waits gets an error of his own
        self._held.move_to_end(segment)
        while len(self._held) > SEGMENTS_HELD:
            self._held.popitem(last=False)
        return page

    def _read(self, segment: int) -> _Page:
        name = self._segments[segment]
        where = f"{self._store.uri}/{name}"
        try:
            table = parquet.decode(self._store.get(name), ANSWERS_SCHEMA, where)
        except KeyError:
            raise StoreError(
                f"{where} is missing although its keys are there: restore it, or delete its namesake in "
                f"{FOLDER}/keys (its answers are then paid for again)"
            ) from None
        return _Page(table["key"].to_pylist(), table["answer"].to_pylist())

    def _decoded(self, text: str, segment: int) -> ChatAnswer:
        try:
            return _ANSWER.validate_json(text)
        except ValidationError as error:
            raise StoreError(
                f"{self._store.uri}/{self._segments[segment]} holds something else than answers ({error}): delete it "
                f"and its namesake in {FOLDER}/keys"
            ) from error

    # -------------------------------------------------------------------------------------------- writing

    def put(self, key: bytes, answer: ChatAnswer) -> None:
        with self._buffer_lock:
            if not self._waiting:
                self._oldest = self._clock()
            self._waiting[key] = answer

    @property
    def waiting(self) -> int:
        """Answers that are not written yet."""
        with self._buffer_lock:
            return len(self._waiting) + (len(self._sealed[1]) if self._sealed else 0)

    @property
    def due(self) -> bool:
        """Is it time to `flush`?"""
        with self._buffer_lock:
            old = bool(self._waiting) and self._clock() - self._oldest >= self._seconds
            return old or len(self._waiting) >= self._every or self._sealed is not None

    def flush(self) -> None:
        """Write all that waits. Blocks; raises StoreError, and a later call then writes the same segment again."""
        with self._write_lock:
            while True:
                with self._buffer_lock:
                    if self._sealed is None and self._waiting:
                        self._written += 1
                        self._sealed = (f"{self._name}-{self._written:06d}.parquet", self._waiting)
                        self._waiting = {}
                    sealed = self._sealed
                if sealed is None:
                    return
                self._write(*sealed)

    def _write(self, name: str, answers: dict[bytes, ChatAnswer]) -> None:
        rows: list[dict[str, Any]] = [{"key": key, "answer": _encoded(a)} for key, a in answers.items()]
        keys = [{"key": key} for key in answers]
        put_once(self._store, f"{FOLDER}/answers/{name}", parquet.encode(rows, ANSWERS_SCHEMA))
        reach(CrashPoint.ANSWERS_PUT)
        put_once(self._store, f"{FOLDER}/keys/{name}", parquet.encode(keys, KEYS_SCHEMA))
        reach(CrashPoint.ANSWERS_KNOWN)
        self._indexed.add(f"{FOLDER}/keys/{name}")
        self._segments.append(f"{FOLDER}/answers/{name}")
        segment = len(self._segments) - 1
        self._own.update({key: (segment, row) for row, key in enumerate(answers)})
        if len(self._own) >= OWN_APART:
            self._fold()
        with self._buffer_lock:
            self._sealed = None


@dataclass(frozen=True)
class _Page:
    """A segment in memory, its answers still as JSON."""

    keys: list[bytes]
    answers: list[str]


class _Index:
    """From the first half of a key to the places that may hold it. Never changes; `with_more` makes a new one."""

    def __init__(self) -> None:
        self._heads: _Heads = np.empty(0, dtype=np.uint64)
        self._segments: _Places = np.empty(0, dtype=np.uint32)
        self._rows: _Places = np.empty(0, dtype=np.uint32)

    def __len__(self) -> int:
        return len(self._heads)

    def with_more(self, heads: list[_Heads], segments: list[_Places], rows: list[_Places]) -> _Index:
        new = _Index()
        joined = np.concatenate([self._heads, *heads])
        order = np.argsort(joined, kind="stable")
        new._heads = joined[order]
        new._segments = np.concatenate([self._segments, *segments])[order]
        new._rows = np.concatenate([self._rows, *rows])[order]
        return new

    def places(self, key: bytes) -> list[tuple[int, int]]:
        """(segment, row) of every answer whose key may be this one, the oldest known first."""
        head = _heads([key])[0]
        first, last = (int(np.searchsorted(self._heads, head, side)) for side in ("left", "right"))
        return [(int(self._segments[at]), int(self._rows[at])) for at in range(first, last)]


def _heads(keys: list[bytes]) -> _Heads:
    return np.frombuffer(b"".join(key[:8] for key in keys), dtype="<u8").astype(np.uint64)


def _encoded(answer: ChatAnswer) -> str:
    # Half a surrogate pair, as a model may write in JSON escapes, has no form in UTF-8.
    text, reasoning = (part.encode("utf-8", "replace").decode() for part in (answer.text, answer.reasoning))
    return _ANSWER.dump_json(replace(answer, text=text, reasoning=reasoning)).decode()
