"""What every object store promises, tried on a folder and on a real S3 server; and what each adds."""

from __future__ import annotations

import errno
import os
import pickle
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.ports import ObjectStore
from codeseq_ray.store.local_s3 import LocalS3
from codeseq_ray.store.objects import FolderStore, checked_key, is_key, open_store, put_once, read_all
from codeseq_ray.store.s3 import S3Store


@pytest.fixture
def store(store_uri: str) -> ObjectStore:
    return open_store(store_uri)


def test_an_object_comes_back_byte_by_byte(store: ObjectStore) -> None:
    for key, body in {"a": b"", "b/c.bin": bytes(range(256)) * 4000, "b/d=1/e+f@g": b"\r\n\0"}.items():
        store.put(key, body)
        assert store.get(key) == body


def test_put_replaces(store: ObjectStore) -> None:
    store.put("x/y", b"long old contents")
    store.put("x/y", b"new")
    assert store.get("x/y") == b"new"
    assert list(store.list("x/")) == ["x/y"]


def test_put_new_leaves_what_is_there(store: ObjectStore) -> None:
    assert store.put_new("x", b"first")
    assert not store.put_new("x", b"second")
    assert store.get("x") == b"first"


def test_put_new_has_one_winner_of_many(store_uri: str) -> None:
    stores = [open_store(store_uri) for _ in range(8)]
    start = threading.Barrier(len(stores))

    def race(i: int) -> bool:
        start.wait()
        return stores[i].put_new("prize", f"{i}".encode())

    with ThreadPoolExecutor(len(stores)) as pool:
        won = list(pool.map(race, range(len(stores))))
    assert won.count(True) == 1
    assert stores[0].get("prize") == f"{won.index(True)}".encode()


def test_a_missing_object_is_a_key_error(store: ObjectStore) -> None:
    store.put("folder/x", b"1")
    for key in ("missing", "folder/y", "nowhere/x", "folder", "folder/x/y"):
        with pytest.raises(KeyError):
            store.get(key)


def test_listing_is_complete_and_in_the_order_of_the_keys(store: ObjectStore) -> None:
    # As text "a-b" < "a/b" < "a0"; a walk over folders gives another order.
    keys = ["a-b", "a.b/c", "a/b", "a/b-c/d", "a/b/c1", "a/b0", "a0", "ab/c", "b"]
    keys = [key for key in keys if key != "a/b"]  # a name cannot be a file and a folder
    for key in reversed(keys):
        store.put(key, b"")
    assert list(store.list("")) == sorted(keys)
    for prefix in ("a", "a/", "a/b", "a/b/", "a/b/c", "nothing", "nothing/at/all", "a-b"):
        assert list(store.list(prefix)) == sorted(key for key in keys if key.startswith(prefix))


def test_listing_goes_past_the_first_page(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codeseq_ray.store.s3.PAGE_KEYS", 4)
    keys = [f"many/{i:04d}" for i in range(18)]
    for key in keys:
        store.put(key, b"")
    assert list(store.list("many/")) == keys


def test_entries_tell_what_a_listing_lists(store: ObjectStore) -> None:
    sizes = {"e/a-b": 0, "e/a/b": 3, "e/a/c/d": 70_000, "e/a0": 1, "f": 2}
    for key, size in sizes.items():
        store.put(key, bytes(size))
    for prefix in ("", "e/", "e/a", "e/a/", "e/a/c", "nothing/"):
        found = list(store.entries(prefix))
        assert [(one.key, one.bytes) for one in found] == sorted(
            (key, size) for key, size in sizes.items() if key.startswith(prefix)
        )
        assert [one.key for one in found] == list(store.list(prefix))


def test_times_are_those_of_the_last_write_in_utc(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)  # S3 tells whole seconds
    store.put("x", b"1")
    (first,) = store.entries("x")
    assert before < first.modified < datetime.now(UTC) + timedelta(seconds=2)
    assert first.modified.utcoffset() == timedelta(0)
    time.sleep(1.1)
    assert not store.put_new("x", b"2")
    assert list(store.entries("x")) == [first]
    store.put("x", b"22")
    (second,) = store.entries("x")
    assert second.modified > first.modified
    assert second.bytes == 2


def test_delete_removes_and_forgives(store: ObjectStore) -> None:
    store.put("x/y", b"1")
    for key in ("x/y", "x/y", "z/never", "x/y/below"):
        store.delete(key)
    assert list(store.list("")) == []
    assert store.put_new("x/y", b"2")


def test_a_pickled_store_reaches_the_same_objects(store: ObjectStore) -> None:
    store.put("x", b"1")  # an S3 client exists now; it must stay behind
    again: ObjectStore = pickle.loads(pickle.dumps(store))
    assert again.uri == store.uri
    assert again.get("x") == b"1"


def test_stores_below_one_another_do_not_mix(store_uri: str) -> None:
    outer, inner = open_store(store_uri), open_store(f"{store_uri}/run")
    sibling = open_store(f"{store_uri}/run2")
    inner.put("x", b"inner")
    sibling.put("x", b"sibling")
    assert list(inner.list("")) == ["x"]
    assert list(outer.list("")) == ["run/x", "run2/x"]
    assert outer.get("run/x") == b"inner"


def test_a_key_that_could_leave_the_root_is_refused(store: ObjectStore) -> None:
    keys = [
        "",
        "/x",
        "x/",
        "x//y",
        "../x",
        "x/../y",
        "./x",
        ".x",
        "x/.y",
        "x y",
        "x\\y",
        "ü",
        "x\n",
        "k" * 901,
    ]
    calls = [store.get, store.delete, lambda k: store.put(k, b""), lambda k: store.put_new(k, b"")]
    for key in keys:
        for call in calls:
            with pytest.raises(ValueError, match="key"):
                call(key)
    assert list(store.list("")) == []


@given(key=st.text(max_size=30))
def test_checked_keys_stay_below_the_root(key: str) -> None:
    try:
        checked_key(key)
    except ValueError:
        return
    root = Path("/root-of-store")
    path = Path(os.path.normpath(root / key))
    assert root in path.parents
    assert path.relative_to(root).as_posix() == key


def test_put_once_takes_its_own_bytes_for_done_and_no_others(store: ObjectStore) -> None:
    put_once(store, "x", b"mine")
    put_once(store, "x", b"mine")
    with pytest.raises(StoreError, match="x exists already with other contents"):
        put_once(store, "x", b"theirs")
    assert store.get("x") == b"mine"


def test_read_all_keeps_the_order_and_reads_only_a_little_ahead(tmp_path: Path) -> None:
    class Watched(FolderStore):
        asked = 0

        def get(self, key: str) -> bytes:
            Watched.asked += 1
            return super().get(key)

    store = Watched(tmp_path)
    keys = [f"k{i}" for i in range(40)]
    for key in keys:
        store.put(key, key.encode())
    seen = 0
    for key, body in read_all(store, keys, ahead=4):
        assert key == keys[seen]
        assert body == key.encode()
        seen += 1
        assert Watched.asked <= seen + 4
    assert seen == 40
    with pytest.raises(KeyError, match="gone"):
        list(read_all(store, ["k0", "gone", "k1"], ahead=4))


# -------------------------------------------------------------------------------------------- folders


def test_an_interrupted_write_leaves_the_old_object_and_no_listed_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    store.put("x/y", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for attempt in (lambda: store.put("x/y", b"new"), lambda: store.put_new("x/z", b"new")):
        with pytest.raises(StoreError, match="No space left"):
            attempt()
    assert store.get("x/y") == b"old"
    assert os.listdir(tmp_path / "x") == ["y"]


def test_files_of_others_are_not_listed_as_objects(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("x/y", b"1")
    for name in (".DS_Store", "x/.0123.part", "x/name with blanks"):
        (tmp_path / name).write_bytes(b"")
    assert list(store.list("")) == ["x/y"]


def test_an_object_deleted_while_it_is_listed_is_left_out(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for key in ("a", "b", "c"):
        store.put(key, b"")
    listing = store.entries("")
    assert next(listing).key == "a"
    store.delete("b")
    assert [one.key for one in listing] == ["c"]


SEGMENTS = st.text("ab-./0", min_size=1, max_size=4).filter(is_key)


@given(keys=st.sets(st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join), max_size=12), prefix=SEGMENTS)
def test_a_folder_lists_any_keys_in_their_order(keys: set[str], prefix: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        store = FolderStore(Path(root))
        for key in keys:
            with suppress(StoreError):  # a name cannot be a file and a folder
                store.put(key, b"")
        there = {p.relative_to(root).as_posix() for p in Path(root).rglob("*") if p.is_file()}
        for start in ("", prefix, f"{prefix}/"):
            assert list(store.list(start)) == sorted(key for key in there if key.startswith(start))


@pytest.mark.parametrize(
    ("number", "curable"),
    [
        (errno.ENOSPC, False),
        (errno.EDQUOT, False),
        (errno.EACCES, False),
        (errno.EROFS, False),
        (errno.ESTALE, True),
        (errno.ETIMEDOUT, True),
        (errno.EIO, True),
    ],
)
def test_waiting_helps_where_a_file_server_is_away_not_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, curable: bool
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError) as caught:
        store.put("x", b"1")
    assert caught.value.transient is curable


# ------------------------------------------------------------------------------------------- open_store


def test_a_file_uri_and_a_path_are_the_same_place(tmp_path: Path) -> None:
    open_store(f"file://{tmp_path}/a%20b").put("x", b"1")
    assert open_store(str(tmp_path / "a b")).get("x") == b"1"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("gs://bucket/x", "AWS_ENDPOINT_URL"),
        ("http://somewhere/x", r"s3://bucket/prefix"),
        ("", "output is empty"),
        ("file://elsewhere/x", "another machine"),
        ("s3://", r"s3://bucket/prefix"),
        ("s3://bucket/../x", r"s3://bucket/prefix"),
        ("s3://bucket/x?versionId=1", r"s3://bucket/prefix"),
        ("s3://a/x", r"s3://bucket/prefix"),
    ],
)
def test_a_uri_that_cannot_be_used_is_refused_with_the_way_out(uri: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        open_store(uri)


def test_a_file_in_place_of_the_output_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="Give another"):
            open_store(str(path))


@pytest.fixture
def on_s3(s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def test_a_missing_bucket_is_named(on_s3: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no bucket 'no-such-bucket'"):
        open_store("s3://no-such-bucket/x")


def test_refused_credentials_are_told_from_missing_ones(on_s3: pytest.MonkeyPatch) -> None:
    on_s3.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    with pytest.raises(UsageError, match="credentials are refused"):
        open_store("s3://codeseq/x")
    on_s3.delenv("AWS_ACCESS_KEY_ID")
    on_s3.delenv("AWS_SECRET_ACCESS_KEY")
    on_s3.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UsageError, match="no credentials found"):
        open_store("s3://codeseq/x")


def test_an_endpoint_that_does_not_answer_is_named(on_s3: pytest.MonkeyPatch) -> None:
    on_s3.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"no answer from http://127\.0\.0\.1:9"):
        open_store("s3://codeseq/x")


def test_who_joins_work_that_goes_on_waits_for_a_server_that_is_away(
    on_s3: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An actor that starts anew during an outage is not to take it for a wrong address, which would end the run."""
    address = os.environ["AWS_ENDPOINT_URL"]
    on_s3.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = open_store(f"s3://codeseq/{tmp_path.name}", look=False)
    with pytest.raises(StoreError) as caught:
        store.put("x", b"1")
    assert caught.value.transient
    on_s3.setenv("AWS_ENDPOINT_URL", address)
    pickle.loads(pickle.dumps(store)).put("x", b"1")
    assert open_store(str(tmp_path / "later"), look=False).put_new("x", b"1")


def test_trouble_on_the_way_is_a_store_error(on_s3: pytest.MonkeyPatch) -> None:
    on_s3.setattr("codeseq_ray.store.s3.ATTEMPTS", 1)
    store = S3Store("no-such-bucket", "x")
    for attempt in (
        lambda: store.put("k", b""),
        lambda: store.put_new("k", b""),
        lambda: list(store.list("")),
    ):
        with pytest.raises(StoreError, match="no bucket 'no-such-bucket'"):
            attempt()
