"""Object stores that fill `ports.ObjectStore`: a folder and, in `s3.py`, an S3 bucket; `open_store` picks one.

Only whole objects are written: a reader sees the old object or the new one, never a part. A reply may get lost
after the object was written, so `put_new` answering False can also mean *your own earlier try arrived*.
`put_once` settles that by comparing the bytes.
"""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import url2pathname

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.ports import Entry, ObjectStore

# A leading dot is kept for our own temporary files; the rest is what every file system and S3 server takes.
_SEGMENT = r"[A-Za-z0-9_=+@-][A-Za-z0-9._=+@-]*"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")
LONGEST_KEY = 900
"""Bytes; S3 allows 1,024 including the prefix of the store."""

# What a file system on the network says when its server is away for a while; a soft mount says EIO.
_CURABLE = {
    errno.EIO,
    errno.ESTALE,
    errno.EAGAIN,
    errno.EINTR,
    errno.EBUSY,
    errno.ETIMEDOUT,
    errno.ECONNABORTED,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENOTCONN,
    errno.EPIPE,
}

READ_AHEAD = 8
"""Objects asked for at once by `read_all`: hides the latency of S3; more only adds memory."""


def is_key(key: str) -> bool:
    return len(key) <= LONGEST_KEY and _KEY.fullmatch(key) is not None


def checked_key(key: str) -> str:
    """The key itself. Raises ValueError for one that could leave the root or that a server may refuse."""
    if not is_key(key):
        raise ValueError(f"not an object key: {key!r} (letters, digits and ._=+@- in segments joined by /)")
    return key


def checked_prefix(prefix: str) -> str:
    """Like `checked_key`, for the beginning of keys: may be empty or end in a slash."""
    if len(prefix) > LONGEST_KEY or _PREFIX.fullmatch(prefix) is None:
        raise ValueError(f"not the beginning of an object key: {prefix!r}")
    return prefix


class FolderStore:
    """Objects as files below one folder.

    An object appears by a rename of a finished, synced temporary file; `put_new` links it instead, which the
    file system refuses when the name is taken. Temporary names begin with a dot and are never listed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self.uri = str(self._root)

    def put(self, key: str, body: bytes) -> None:
        target = self._path(key)
        try:
            temporary = self._write_temporary(target, body)
            try:
                os.replace(temporary, target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(target.parent)
        except OSError as error:
            raise _folder_error("write", target, error) from error

    def put_new(self, key: str, body: bytes) -> bool:
        target = self._path(key)
        try:
            if target.exists():
                return False
            temporary = self._write_temporary(target, body)
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)
        except OSError as error:
            raise _folder_error("write", target, error) from error
        return True

    def get(self, key: str) -> bytes:
        target = self._path(key)
        try:
            return target.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise KeyError(key) from None
        except OSError as error:
            raise _folder_error("read", target, error) from error

    def list(self, prefix: str) -> Iterator[str]:
        """In memory are the names of one folder and of those above it."""
        checked_prefix(prefix)
        start = prefix[: prefix.rfind("/") + 1]
        ways = [_below(self._root, start)]
        while ways:
            key = next(ways[-1], None)
            if key is None:
                ways.pop()
            elif not key.endswith("/"):
                if key.startswith(prefix):
                    yield key
            elif key.startswith(prefix) or prefix.startswith(key):
                ways.append(_below(self._root, key))

    def entries(self, prefix: str) -> Iterator[Entry]:
        for key in self.list(prefix):
            try:
                status = os.stat(f"{self._root}/{key}")
            except (FileNotFoundError, NotADirectoryError):
                continue  # deleted since its folder was read
            except OSError as error:
                raise _folder_error("list", self._path(key), error) from error
            yield Entry(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def delete(self, key: str) -> None:
        target = self._path(key)
        try:
            target.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise _folder_error("delete", target, error) from error

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _write_temporary(self, target: Path, body: bytes) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{uuid.uuid4().hex}.part"
        try:
            with open(temporary, "xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return temporary


def _sync_folder(folder: Path) -> None:
    """Make a new name survive a power cut, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _below(root: Path, start: str) -> Iterator[str]:
    """What is in one folder that can be an object, or (with a slash at its end) hold some, in the order of the keys.

    The slash puts a folder where the keys below it stand: "a-b" < "a/" < "a0".
    """
    try:
        with os.scandir(root / start) as found:
            names = [
                f"{start}{one.name}/" if one.is_dir(follow_symlinks=False) else start + one.name
                for one in found
                if is_key(start + one.name)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _folder_error("list", root / start, error) from error
    yield from sorted(names)


def _folder_error(doing: str, path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot {doing} {path}: {error.strerror or error}. Check free space, permissions, and that the file "
        "system has hard links; then run again: what is in the ledger is not done twice.",
        transient=error.errno in _CURABLE,
    )


# ------------------------------------------------------------------------------------------ any store


def put_once(store: ObjectStore, key: str, body: bytes) -> None:
    """Write an object whose name nobody else uses; done already with the same bytes is done.

    Raises StoreError when other bytes are there: whoever wrote them, they are not to be overwritten.
    """
    if not store.put_new(key, body) and store.get(key) != body:
        raise StoreError(f"{store.uri}: {key} exists already with other contents and is left as it is")


def read_all(
    store: ObjectStore, keys: Iterable[str], *, ahead: int = READ_AHEAD
) -> Iterator[tuple[str, bytes]]:
    """Every key with its object, in the order given, with at most `ahead` objects in memory.

    Raises KeyError when one is missing.
    """
    with ThreadPoolExecutor(max_workers=ahead, thread_name_prefix="store-read") as pool:
        waiting: deque[tuple[str, Future[bytes]]] = deque()
        try:
            for key in keys:
                waiting.append((key, pool.submit(store.get, key)))
                if len(waiting) >= ahead:
                    first, body = waiting.popleft()
                    yield first, body.result()
            while waiting:
                first, body = waiting.popleft()
                yield first, body.result()
        finally:
            for _, body in waiting:
                body.cancel()


def open_store(uri: str, *, look: bool = True) -> ObjectStore:
    """The store at `s3://bucket/prefix`, `file:///folder` or a plain path (made if missing).

    Looks once whether it can be used, so that a job fails before any work: raises UsageError saying what to do.
    Without `look`, for a process that joins work which goes on: a server that is away then shall be waited for.
    """
    scheme = uri.partition("://")[0].lower() if "://" in uri else ""
    if scheme == "s3":
        from codeseq_ray.store.s3 import S3Store  # boto3 takes 0.3 s to import; a folder does not need it

        store = S3Store.from_uri(uri)
        if look:
            store.check()
        return store
    if scheme not in ("", "file"):
        raise UsageError(
            f"cannot store to {uri!r}: give a folder, file:///folder or s3://bucket/prefix. "
            "Other object stores that speak the S3 protocol are reached by setting AWS_ENDPOINT_URL."
        )
    root = _local_path(uri)
    return _open_folder(root) if look else FolderStore(root)


def _local_path(uri: str) -> Path:
    if "://" not in uri:
        if not uri.strip():
            raise UsageError("the output is empty: give a folder or s3://bucket/prefix")
        return Path(uri).expanduser()
    machine, slash, path = uri.partition("://")[2].partition("/")
    if machine not in ("", "localhost") or not slash:
        raise UsageError(f"{uri!r} names another machine or no folder: write file:///absolute/folder")
    return Path(url2pathname(slash + path))


def _open_folder(root: Path) -> FolderStore:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot use {str(root)!r} as output folder: {why}. Give another one.") from error
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        raise UsageError(f"cannot write to the output folder {root}: change its permissions or give another.")
    return FolderStore(root)
