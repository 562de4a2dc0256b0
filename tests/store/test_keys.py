"""Whatever a run, a writer or an object is called, nothing is written, read or deleted outside the root."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import record

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.store.ledger import LedgerWriter
from codeseq_ray.store.objects import FolderStore, checked_key, open_store
from codeseq_ray.store.run import RunStore
from codeseq_ray.store.s3 import S3Store

PIECES = [
    *("a", "r", "x.y", "0", "-", "_", "=", "@", "+", " ", "~", "%", ":", "*", "C:"),
    *(".", "..", "/", "//", "\\", "\0", "\n", "\r", "\x7f"),
    *("%2e%2e", "%2f", "..;", "file://", "s3://"),
    # One dot leader, two dots in one, full-width stop and slash, division slash, and what hides or turns text round.
    *("\u2024", "\u2025", "\uff0e", "\uff0f", "\u2215", "\u202e", "\u200b", "\u0301", "\ud800", "\udc2e"),
]
ODD = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=12) | st.just("x" * 1000)
CLIMBING = st.lists(st.sampled_from(["..", ".", "victim", "r", ""]), min_size=1, max_size=4).map("/".join)
NAMES = ODD | CLIMBING


class Ground:
    """A root beside things that are not to be touched."""

    def __init__(self, folder: str) -> None:
        self.outside = Path(folder)
        self.root = self.outside / "store"
        self.root.mkdir()
        (self.outside / "victim").write_bytes(b"untouched")
        self.store = FolderStore(self.root)

    def assert_only_keys_below_the_root(self) -> None:
        assert {path.name for path in self.outside.iterdir()} == {"store", "victim"}
        assert (self.outside / "victim").read_bytes() == b"untouched"
        there = {p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file()}
        assert there == set(self.store.list(""))
        for key in there:
            assert checked_key(key) == key


CALLS: list[Callable[[RunStore, str], Any]] = [
    lambda run, name: run.store.put(name, b"1"),
    lambda run, name: run.store.put_new(name, b"1"),
    lambda run, name: run.store.get(name),
    lambda run, name: run.store.delete(name),
    lambda run, name: list(run.store.list(name)),
    lambda run, name: list(run.store.entries(name)),
    lambda run, name: run.store.put(run.key(name), b"1"),
    lambda run, name: run.write_json(name, {}),
    lambda run, name: run.read_json(name),
    lambda run, name: list(run.list(name)),
]


@given(run_id=NAMES, name=NAMES)
def test_no_run_id_and_no_name_leaves_the_root(run_id: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(folder)
        with suppress(UsageError):
            run = RunStore(ground.store, run_id)
            run.write_manifest({})
            run = RunStore(ground.store, "r")
        for call in CALLS:
            result = None
            with suppress(ValueError, KeyError, StoreError):
                result = call(RunStore(ground.store, "r"), name)
            assert result != b"untouched"
        ground.assert_only_keys_below_the_root()


@given(prefix=NAMES, writer_id=NAMES)
def test_no_writer_leaves_the_root(prefix: str, writer_id: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(folder)
        with suppress(ValueError, UsageError, StoreError):
            writer = LedgerWriter(RunStore(ground.store, "r"), prefix, writer_id=writer_id)
            writer.add(record(1))
            writer.flush()
        ground.assert_only_keys_below_the_root()
        assert all(key.startswith(("r/ledger/", "r/records/")) for key in ground.store.list(""))


@given(run_id=NAMES)
def test_a_run_keeps_to_its_own_folder(run_id: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(folder)
        ground.store.put("cache/keys/x", b"1")
        ground.store.put("other/x", b"1")
        try:
            run = RunStore(ground.store, run_id)
        except UsageError:
            return
        run.write_manifest({})
        assert f"{run_id}/run.json" in set(ground.store.list(""))
        assert run_id != "cache"
        if run_id != "other":
            assert list(run.list("")) == ["run.json"]


@given(prefix=NAMES)
def test_no_prefix_leaves_a_bucket_or_hides_a_query(prefix: str) -> None:
    try:
        store = S3Store.from_uri(f"s3://bucket/{prefix}")
    except UsageError:
        return
    inner = store.uri.removeprefix("s3://bucket").strip("/")
    assert inner == prefix.strip("/")
    assert not inner or checked_key(inner) == inner


@pytest.mark.parametrize("uri", ["file:///tmp/\0", "\0", "/tmp/a\0b"])
def test_a_place_that_no_system_can_name_is_refused_with_the_way_out(uri: str) -> None:
    with pytest.raises(UsageError):
        open_store(uri)
