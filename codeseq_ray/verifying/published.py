"""A release as it lies somewhere: a folder or a place in S3, the run's own or a copy."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.errors import UsageError
from codeseq_ray.ports import ObjectStore
from codeseq_ray.store.objects import open_store
from codeseq_ray.store.releases import FORMAT_VERSION, LATEST
from codeseq_ray.verifying.findings import Code, Finding

MANIFEST = "manifest.json"
CARD = "README.md"
BATCH_ROWS = 256
_DATA = re.compile(r"data/([a-z]+)/([a-z]+)-(\d{5})-of-(\d{5})\.parquet")

Row = dict[str, Any]


class Published:
    """A release with its manifest. Raises UsageError when there is none that this version can check."""

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self._store, self._folder = store, folder
        self.uri = f"{store.uri}/{folder}".rstrip("/")
        self.manifest = self._read_manifest()
        self.files: dict[str, dict[str, Any]] = self.manifest["files"]

    def get(self, name: str) -> bytes:
        """Raises KeyError when there is no such file."""
        return self._store.get(self._folder + name)

    def names(self) -> list[str]:
        """Every file that is there."""
        return [key.removeprefix(self._folder) for key in self._store.list(self._folder)]

    def checked_files(self) -> Iterator[Finding]:
        """What of the files is not as the manifest says: there, as long, with the same checksum, no others."""
        there = set(self.names())
        for name in sorted(there - set(self.files) - {MANIFEST}):
            yield Finding(Code.FILE_UNEXPECTED, name, "is not in the manifest")
        for name, told in sorted(self.files.items()):
            if name not in there:
                yield Finding(Code.FILE_MISSING, name, "is in the manifest and not there")
                continue
            body = self.get(name)
            digest = hashlib.sha256(body).hexdigest()
            if len(body) != told.get("bytes") or digest != told.get("sha256"):
                wanted = f"{told.get('bytes')}, {told.get('sha256')}"
                said = f"{len(body)} bytes, SHA-256 {digest}; the manifest says {wanted}"
                yield Finding(Code.CHECKSUM, name, said)

    def places(self) -> list[tuple[str, str]]:
        """Config and split of every data file that is there, in order."""
        found = {(match[1], match[2]) for name in self.names() if (match := _DATA.fullmatch(name))}
        return sorted(place for place in found if place[0] in CONFIGS)

    def rows(self, config: str, split: str, found: list[Finding]) -> Iterator[Row]:
        """The rows of a config's split in the order of its files; what is wrong with a file goes to `found`."""
        names = [n for n in self.names() if (m := _DATA.fullmatch(n)) and (m[1], m[2]) == (config, split)]
        for name in sorted(names):
            try:
                file = pq.ParquetFile(pa.BufferReader(self.get(name)), page_checksum_verification=True)
                if not file.schema_arrow.equals(CONFIGS[config]):
                    found.append(Finding(Code.FILE_UNREADABLE, name, "has other columns than its config"))
                    continue
                rows = file.metadata.num_rows
                if rows != self.files.get(name, {}).get("rows", rows):
                    said = f"{rows} rows; the manifest says {self.files[name]['rows']}"
                    found.append(Finding(Code.ROW_COUNT, name, said))
                for batch in file.iter_batches(BATCH_ROWS):
                    yield from batch.to_pylist()
            except (pa.ArrowException, OSError) as error:
                found.append(Finding(Code.FILE_UNREADABLE, name, str(error)))

    def _read_manifest(self) -> dict[str, Any]:
        try:
            manifest = json.loads(self.get(MANIFEST))
        except KeyError:
            raise UsageError(
                f"there is no release at {self.uri}: give a release's folder (it holds {MANIFEST}), or a run's"
            ) from None
        except ValueError as error:
            raise UsageError(f"{self.uri}/{MANIFEST} is not JSON: {error}") from None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT_VERSION:
            told = manifest.get("format") if isinstance(manifest, dict) else None
            raise UsageError(
                f"{self.uri} is a release of format {told}; this version of codeseq-ray checks format "
                f"{FORMAT_VERSION}. Use the version that its card names."
            )
        lacking = [name for name in ("files", "counts", "info", "run_id") if name not in manifest]
        if lacking or "row_settings" not in manifest["info"]:
            raise UsageError(
                f"{self.uri}/{MANIFEST} lacks {lacking or 'info.row_settings'}: it cannot be checked"
            )
        return manifest


def open_published(uri: str) -> Published:
    """The release at `uri`; of a run, its latest one."""
    parts = urlsplit(uri)
    local = Path(parts.path if parts.scheme == "file" else uri).expanduser()
    if parts.scheme in ("", "file") and not local.is_dir():  # opening a store would make the folder
        raise UsageError(f"there is no folder {local}: give a release's folder, or a run's")
    store = open_store(uri)
    try:
        store.get(MANIFEST)
    except KeyError:
        try:
            return Published(store, f"{json.loads(store.get(LATEST))['release']}/")
        except (KeyError, ValueError, TypeError):
            pass
    return Published(store, "")
