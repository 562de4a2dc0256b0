"""A release as it lies somewhere: a folder or a place in S3, the run's own or a copy. It is only read."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from codeseq_ray.dataset.schemas import CONFIGS
from codeseq_ray.errors import UsageError
from codeseq_ray.exporting.hub import ROLLOUTS_CARD
from codeseq_ray.ports import ObjectStore
from codeseq_ray.store.released import (
    BATCH_ROWS,
    CARD,
    DATA_NAME,
    MANIFEST,
    Place,
    ReleaseFolder,
    Row,
    find_release,
)
from codeseq_ray.store.releases import FORMAT_VERSION
from codeseq_ray.store.settings import StoreSettings
from codeseq_ray.verifying.findings import Code, Finding, Found

_EXPORT = "export.json"
_ADDED = re.compile(
    r"export\.json|LICENSE\.md|overlap\.jsonl|rollouts\.manifest\.json|rollouts\.README\.md"
    r"|data/(rl|rl_dropped|rollouts)/train-\d{5}-of-\d{5}\.parquet"
)
"""What a folder for the Hub has beside the release that it is a copy of (docs/export.md)."""


class File(BaseModel):
    bytes: int
    sha256: str
    rows: int | None = None


class Info(BaseModel):
    """What a check has to know of the run."""

    fingerprint: str
    input_digest: str
    row_settings: dict[str, Any]
    versions: dict[str, str]


class Manifest(BaseModel):
    run_id: str
    fingerprint: str
    partial: bool
    outcome_digest: str
    counts: dict[str, Any]
    files: dict[str, File]
    info: Info


class Published(ReleaseFolder):
    """A release with its manifest. Raises UsageError when there is none that this version can check."""

    def __init__(self, store: ObjectStore, folder: str) -> None:
        super().__init__(store, folder)
        self.manifest = self._checkable()

    @property
    def places(self) -> list[Place]:
        """Config and split of every data file that is there, in order."""
        return sorted({place for name in self.names if (place := _place(name))})

    @property
    def rollouts_card(self) -> str | None:
        """The card that an export for the Hub put below the release's own."""
        if not {_EXPORT, ROLLOUTS_CARD} <= self.names:
            return None
        return self.get(ROLLOUTS_CARD).decode("utf-8", "replace")

    def check_files(self, found: Found) -> None:
        """What of the files is not as the manifest says: there, as long, with the same checksum, no others."""
        files = self.manifest.files
        for name in sorted(self.names - set(files) - {MANIFEST}) + self._strangely_named():
            if _EXPORT in self.names and _ADDED.fullmatch(name):
                found(Finding(Code.NOTE, name, "is not in the manifest: an export adds it"))
            else:
                found(Finding(Code.FILE_UNEXPECTED, name, "is not in the manifest"))
        for name, told in sorted(files.items()):
            if name != CARD and _place(name) is None:
                found(
                    Finding(Code.FILE_UNEXPECTED, name, "is in the manifest, and no release has such a file")
                )
            if name not in self.names:
                found(Finding(Code.FILE_MISSING, name, "is in the manifest and not there"))
                continue
            body = self.get(name)
            digest = hashlib.sha256(body).hexdigest()
            if name == CARD and self.rollouts_card is not None:
                continue  # made of two; `figures` holds it against both
            if (len(body), digest) != (told.bytes, told.sha256):
                said = f"{len(body)} bytes, SHA-256 {digest}; the manifest says {told.bytes}, {told.sha256}"
                found(Finding(Code.CHECKSUM, name, said))
        for name in sorted({CARD} - set(files)):
            found(Finding(Code.FILE_MISSING, name, "is not in the manifest"))
        for place in self.places:
            self._check_numbers(place, found)

    def rows(self, place: Place, found: Found, columns: Sequence[str] | None = None) -> Iterator[Row]:
        """The rows of a config's split in the order of its files.

        What is wrong with a file, or with the shape of a row, goes to `found`; such rows are left out.
        """
        schema = CONFIGS[place[0]]
        for name in sorted(name for name in self.names if _place(name) == place):
            try:
                file = pq.ParquetFile(pa.BufferReader(self.get(name)), page_checksum_verification=True)
                if not file.schema_arrow.equals(schema):
                    found(Finding(Code.FILE_UNREADABLE, name, "has other columns than its config"))
                    continue
                told = self.manifest.files.get(name)
                if told is not None and told.rows != file.metadata.num_rows:
                    said = f"{file.metadata.num_rows} rows; the manifest says {told.rows}"
                    found(Finding(Code.ROW_COUNT, name, said))
                for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                    for row in batch.to_pylist():
                        if hollow := [c for c, value in row.items() if not _whole(value, schema.field(c))]:
                            said = f"null in {', '.join(hollow)}"
                            found(Finding(Code.ROW_ODD, f"{place[0]} {row['sequence_id']}", said))
                        else:
                            yield row
            # What pyarrow does not read: ArrowException; its bytes that are no text: UnicodeDecodeError.
            except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
                found(Finding(Code.FILE_UNREADABLE, name, str(error)))

    def _check_numbers(self, place: Place, found: Found) -> None:
        """`NNNNN-of-NNNNN`: all there, and of one total."""
        numbered = sorted(
            (match[3], match[4])
            for n in self.names
            if (match := DATA_NAME.fullmatch(n)) and _place(n) == place
        )
        wanted = [(f"{i:05d}", f"{len(numbered):05d}") for i in range(len(numbered))]
        if numbered != wanted:
            said = f"its files are numbered {', '.join('-of-'.join(pair) for pair in numbered)}"
            found(Finding(Code.FILE_MISSING, f"data/{place[0]}/{place[1]}-*.parquet", said))

    def _strangely_named(self) -> list[str]:
        """Files of a local copy that no store would list: with a space in their name, say.

        Not those below a dot (`.gitattributes`, `.cache/`), which tools leave beside data and readers pass over.
        """
        if "://" in self._store.uri:
            return []
        root = Path(self._store.uri, self._folder)
        there = set()
        for folder, folders, files in os.walk(root):
            folders[:] = [one for one in folders if not one.startswith(".")]
            there |= {Path(folder, n).relative_to(root).as_posix() for n in files if not n.startswith(".")}
        return sorted(there - self.names)

    def _checkable(self) -> Manifest:
        told = self.told
        version = told.get("format")
        if version != FORMAT_VERSION:
            raise UsageError(
                f"{self.uri} is a release of format {version!r}; this version of codeseq-ray checks format "
                f"{FORMAT_VERSION}. Use the version that its card names."
            )
        try:
            return Manifest.model_validate(told)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
                for one in error.errors(include_url=False)[:5]
            )
            raise UsageError(f"{self.uri}/{MANIFEST} cannot be checked: {problems}") from None


def open_published(uri: str, settings: StoreSettings, say: Callable[[str], None]) -> Published:
    """The release at `uri`; of a run, its latest one."""
    return Published(*find_release(uri, settings, say))


def _place(name: str) -> Place | None:
    """Config and split of a data file of a release; None for every other name."""
    match = DATA_NAME.fullmatch(name)
    if match is None:
        return None
    splits = ("sft", "rl", "eval") if match[1] == "problems" else ("train",)
    return (match[1], match[2]) if match[1] in CONFIGS and match[2] in splits else None


def _whole(value: Any, field: pa.Field[pa.DataType]) -> bool:
    """Whether there is no null but where the column may be null."""
    if value is None:
        return bool(field.nullable)
    return not isinstance(value, list) or not any(
        one is None or (isinstance(one, dict) and None in one.values()) for one in value
    )
