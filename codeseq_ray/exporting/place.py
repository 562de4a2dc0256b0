"""Where an export goes. It is made beside its place, and nothing is to be seen of it there before it is whole."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from codeseq_ray.errors import StoreError, UsageError
from codeseq_ray.ports import ObjectStore
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.settings import StoreSettings

MANIFEST = "export.json"
"""Written last: an export without it is not whole."""


class Staged(Protocol):
    """An export that is being made in `folder`, which is gone at the end if it is not published."""

    uri: str
    folder: Path

    def publish(self) -> None: ...


@contextmanager
def staged(
    uri: str, settings: StoreSettings, say: Callable[[str], None], *, overwrite: bool
) -> Iterator[Staged]:
    """A folder to write into. Raises UsageError, before any work, when the place is taken or cannot be used."""
    if uri.lower().startswith("s3://"):
        store = open_patiently(uri, settings, say)
        with tempfile.TemporaryDirectory(prefix="codeseq-export-") as folder:
            yield _InBucket(store, Path(folder), overwrite)
        return
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ and not os.path.isabs(uri):
        raise UsageError(
            f"--output {uri}: a Ray job runs in a temporary copy of its working directory, and what it leaves there "
            "is lost. Give an absolute path, or s3://…"
        )
    local = _InFolder(Path(open_store(uri, look=False).uri), overwrite)
    try:
        yield local
    finally:
        shutil.rmtree(local.folder, ignore_errors=True)


class _InFolder:
    def __init__(self, target: Path, overwrite: bool) -> None:
        self.uri, self._target = str(target), target
        if target.exists():
            names = {one.name for one in target.iterdir()} if target.is_dir() else {target.name}
            _refuse_taken(self.uri, names, overwrite)
        self.folder = self._beside("part")
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise UsageError(f"--output {self.uri}: cannot be written ({error.strerror})") from None

    def publish(self) -> None:
        try:
            for file in self.folder.rglob("*"):
                if file.is_file():
                    with file.open("rb") as opened:
                        os.fsync(opened.fileno())
            before = self._beside("old") if self._target.exists() else None
            if before is not None:
                self._target.rename(before)
            self.folder.rename(self._target)
        except OSError as error:
            raise StoreError(f"cannot write {self.uri}: {error.strerror or error}") from error
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)

    def _beside(self, ending: str) -> Path:
        return self._target.parent / f".{self._target.name}.{uuid.uuid4().hex}.{ending}"


class _InBucket:
    def __init__(self, store: ObjectStore, folder: Path, overwrite: bool) -> None:
        self.uri, self.folder, self._store = store.uri, folder, store
        # A look at a few names: below a bucket there may be millions.
        names = set(islice(store.list(""), 4))
        with suppress(KeyError):
            names |= {MANIFEST} if names and store.get(MANIFEST) else set()
        _refuse_taken(self.uri, names, overwrite)

    def publish(self) -> None:
        """Without its manifest, an export that is half replaced is not taken for whole."""
        stale = self._named_before()
        self._store.delete(MANIFEST)
        names = sorted(p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if p.is_file())
        for name in [*(name for name in names if name != MANIFEST), MANIFEST]:
            _upload(self.uri, name, self.folder / name)
        for name in sorted(stale - set(names)):
            self._store.delete(name)

    def _named_before(self) -> set[str]:
        with suppress(KeyError, ValueError, AttributeError):
            return set(json.loads(self._store.get(MANIFEST)).get("files", {}))
        return set()


def _refuse_taken(uri: str, names: set[str], overwrite: bool) -> None:
    if names and not overwrite:
        raise UsageError(f"--output {uri}: something is there already; --overwrite replaces an export")
    if names and MANIFEST not in names:
        raise UsageError(
            f"--output {uri}: what is there is no export ({', '.join(sorted(names)[:3])} …) and is left as it "
            "is: give another place"
        )


def _upload(uri: str, name: str, path: Path) -> None:
    """In parts, as boto3 cuts it: no file is in memory whole."""
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    config = Config(retries={"mode": "standard", "total_max_attempts": 6})
    client: Any = boto3.session.Session().client("s3", config=config)
    key = f"{prefix}/{name}" if prefix else name
    try:
        client.upload_file(str(path), bucket, key)
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise StoreError(f"cannot write {uri}/{name}: {error}. Run again with --overwrite.") from error
