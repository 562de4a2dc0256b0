"""A release of any kind as it lies somewhere: a folder or a place in S3, the run's own or a copy. It is only read.

All kinds have a manifest and `data/<config>/<split>-NNNNN-of-NNNNN.parquet`; what is in them is for their readers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.errors import UsageError
from codeseq_ray.ports import ObjectStore
from codeseq_ray.store.opening import open_patiently
from codeseq_ray.store.releases import LATEST
from codeseq_ray.store.settings import StoreSettings

MANIFEST = "manifest.json"
CARD = "README.md"
BATCH_ROWS = 256
DATA_NAME = re.compile(r"data/([a-z_]+)/([a-z]+)-(\d{5})-of-(\d{5})\.parquet")
"""Config, split, number and how many of a data file."""

Row = dict[str, Any]
Place = tuple[str, str]
"""Config and split."""


class ReleaseFolder:
    """Where a release lies, with its manifest. Raises UsageError when there is none."""

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self._store, self._folder = store, folder
        self.uri = f"{store.uri}/{folder}".rstrip("/")
        self.told = self._read()
        """The manifest as it stands; empty when it is JSON and no object."""
        self.names = frozenset(key.removeprefix(folder) for key in store.list(folder))
        """Every file that is there and has a name that a run could give."""

    def get(self, name: str) -> bytes:
        """Raises KeyError when there is no such file."""
        return self._store.get(self._folder + name)

    def _read(self) -> dict[str, Any]:
        try:
            told = json.loads(self.get(MANIFEST))
        except KeyError:
            raise UsageError(
                f"there is no release at {self.uri}: give a release's folder (it holds {MANIFEST}), or a run's"
            ) from None
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{self.uri}/{MANIFEST} is not JSON: {error}") from None
        return told if isinstance(told, dict) else {}


class Released(ReleaseFolder):
    """A release taken at its word, but for checksums: for those who read it to make something of it."""

    def get_whole(self, name: str) -> bytes:
        """A file with the checksum that the manifest tells. Raises UsageError for any other."""
        told = self.told.get("files", {}).get(name, {})
        try:
            body = self.get(name)
        except KeyError:
            raise UsageError(f"{self.uri}/{name} is missing: restore the release from its source") from None
        if hashlib.sha256(body).hexdigest() != told.get("sha256"):
            raise UsageError(
                f"{self.uri}/{name} does not have the checksum that {MANIFEST} tells: restore the release from its "
                "source; jobs/verify.py says what else is changed"
            )
        return body

    @property
    def places(self) -> list[Place]:
        """Config and split of every data file of the manifest, in order."""
        return sorted(
            {(match[1], match[2]) for name in self._files() if (match := DATA_NAME.fullmatch(name))}
        )

    def files(self, place: Place) -> list[str]:
        """The data files of a config's split, in their order."""
        return [
            name
            for name in sorted(self._files())
            if (match := DATA_NAME.fullmatch(name)) and (match[1], match[2]) == place
        ]

    def count(self, place: Place) -> int:
        """Rows of a config's split, as the manifest tells."""
        return sum(self._files()[name].get("rows") or 0 for name in self.files(place))

    def schema(self, place: Place) -> pa.Schema:
        """The columns of a config's split, which has to be there."""
        return pq.read_schema(pa.BufferReader(self.get_whole(self.files(place)[0])))

    def rows(self, place: Place, columns: Sequence[str] | None = None) -> Iterator[Row]:
        """The rows of a config's split in the order of its files; one file is in memory.

        Raises UsageError for a file that is not the one of the manifest, or that cannot be read.
        """
        for name in self.files(place):
            body = self.get_whole(name)
            try:
                for batch in pq.ParquetFile(pa.BufferReader(body)).iter_batches(BATCH_ROWS, columns=columns):
                    yield from batch.to_pylist()
            except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
                raise UsageError(f"{self.uri}/{name} cannot be read: {error}") from None

    def _files(self) -> dict[str, dict[str, Any]]:
        files: dict[str, dict[str, Any]] = self.told.get("files", {})
        return files


def find_release(uri: str, settings: StoreSettings, say: Callable[[str], None]) -> tuple[ObjectStore, str]:
    """Where the release at `uri` lies, as a store and a folder in it (empty, or with a slash at its end).

    Of a run, its latest one. Whether a manifest is there is seen when it is read.
    """
    # A folder is not looked at: that would make it, and refuse one where nobody may write.
    store = open_patiently(uri, settings, say, look=uri.lower().startswith("s3://"))
    try:
        store.get(MANIFEST)
    except KeyError:
        if (name := _latest(store)) is not None:
            return store, f"{name}/"
    return store, ""


def _latest(store: ObjectStore) -> str | None:
    try:
        pointer = json.loads(store.get(LATEST))
    except (KeyError, ValueError):
        return None
    name = pointer.get("release") if isinstance(pointer, dict) else None
    if not isinstance(name, str) or not re.fullmatch(r"releases/\d{4,}", name):
        raise UsageError(f"{store.uri}/{LATEST} does not name a release: give a release's folder")
    return name
