"""One way into all formats: `open_source(path)` finds out what lies there and gives shards to read.

A shard is a small picklable value, so that another process or machine can read it; it streams, and its memory
does not grow with its file. `tests/oeis` and `docs/design/oeis.md` say what each format may look like.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codeseq_ray.errors import InputError
from codeseq_ray.oeis.diagnostics import Code, Diagnostic
from codeseq_ray.oeis.entry import Wanted
from codeseq_ray.oeis.extension import MoreTerms, TermsFile, find_more_terms
from codeseq_ray.oeis.internal import GROUP, GroupShard, entry_files
from codeseq_ray.oeis.json_entries import JSON_SUFFIXES, JsonShard
from codeseq_ray.oeis.numbered import read_numbered
from codeseq_ray.oeis.stripped import StrippedShard, read_columns
from codeseq_ray.records import Sequence

_PROBED = 100
"""A file is taken for what its name says if one of its first records is readable."""

EXPECTED = (
    "a folder with stripped[.gz] (and names[.gz], meta.tsv[.gz] beside it), or that stripped file itself; "
    "a clone of oeisdata or its seq/ folder (seq/A000/A000045.seq); "
    "a file of JSON entries (.json[.gz], .jsonl[.gz]), or a folder of them"
)


class Shard(Protocol):
    """A part of the input, readable by itself wherever its path is visible."""

    def read(self, wanted: Wanted | None = None) -> Iterator[Sequence | Diagnostic]:
        """All entries, and everything that was wrong. `wanted(number)` false: the entry is passed over, unparsed.

        Raises InputError when the shard's file cannot be opened or read at all.
        """
        ...


@dataclass(frozen=True)
class Source:
    """An input that was found readable."""

    path: str
    """As it was given."""
    format: str
    """`stripped`, `oeisdata` or `json`."""
    parts: tuple[Shard, ...]
    more: MoreTerms | None = None

    def shards(self) -> tuple[Shard, ...]:
        return self.parts

    def digest(self) -> str:
        """SHA-256 (hex) over the input's content, further terms included; the same wherever it lies.

        Of the many files of a clone or a folder of b-files, the relative paths and sizes stand for the content.
        """
        total = hashlib.sha256()
        for shard in self.parts:
            match shard:
                case StrippedShard():
                    for role, path in (
                        ("stripped", shard.stripped),
                        ("names", shard.names),
                        ("meta", shard.meta),
                    ):
                        if path is not None:
                            _add_content(total, role, path)
                case JsonShard():
                    _add_content(total, "json", shard.path)
                case GroupShard():
                    for path in entry_files(shard.folder):
                        _add_size(total, f"{shard.folder.name}/{path.name}", path)
        if isinstance(self.more, TermsFile):
            _add_content(total, "more", self.more.path)
        elif self.more is not None:
            for name, path in self.more.files():
                _add_size(total, f"more/{name}", path)
        return total.hexdigest()


def open_source(path: str, more_terms: str | None = None) -> Source:
    """Find out what lies at `path`, and that it can be read.

    `more_terms`: a longer terms file in the format of `stripped[.gz]`, or a folder of b-files. Raises InputError
    when nothing that can be read lies there: missing, empty, damaged at its beginning, or of another kind.
    """
    place = Path(path)
    more = find_more_terms(Path(more_terms)) if more_terms is not None else None
    if isinstance(more, TermsFile):
        _probe_stripped(more.path)
    try:
        if place.is_dir():
            kind, shards = _in_folder(place, more)
        elif place.is_file():
            kind, shards = _of_file(place, more)
        else:
            raise InputError(f"{path}: there is no such file or folder. Expected {EXPECTED}.")
    except OSError as error:
        raise InputError(f"{error.filename or path}: cannot be read ({error.strerror}).") from error
    return Source(path=path, format=kind, parts=shards, more=more)


def _in_folder(folder: Path, more: MoreTerms | None) -> tuple[str, tuple[Shard, ...]]:
    for name in ("stripped.gz", "stripped"):
        if (folder / name).is_file():
            return _of_file(folder / name, more)
    for root in (folder / "seq", folder):
        groups = _groups(root)
        if groups:
            shards = tuple(GroupShard(group, more) for group in groups)
            _probe(shards[0], groups[0], "entries in the internal format (%I, %S, %N … A000045)")
            return "oeisdata", shards
    files = sorted(path for path in folder.iterdir() if path.name.endswith(JSON_SUFFIXES) and path.is_file())
    if files:
        return "json", tuple(_json_shard(path, more) for path in files)
    held = sorted(path.name for path in itertools.islice(folder.iterdir(), 5))
    raise InputError(f"{folder}: nothing to read here (it holds {held or 'nothing'}). Expected {EXPECTED}.")


def _groups(root: Path) -> list[Path]:
    """The group folders of a clone that hold entries, ascending."""
    if not root.is_dir():
        return []
    folders = [path for path in root.iterdir() if GROUP.fullmatch(path.name) and path.is_dir()]
    return sorted((path for path in folders if entry_files(path)), key=lambda path: int(path.name[1:]))


def _of_file(path: Path, more: MoreTerms | None) -> tuple[str, tuple[Shard, ...]]:
    if path.name.endswith(JSON_SUFFIXES):
        return "json", (_json_shard(path, more),)
    names = _beside(path, "names.gz", "names")
    meta = _beside(path, "meta.tsv.gz", "meta.tsv")
    _probe_stripped(path)
    if names is not None:
        _require(read_numbered(names), names, "lines like `A000045 Fibonacci numbers`")
    if meta is not None:
        read_columns(meta)
    return "stripped", (StrippedShard(path, names, meta, more),)


def _json_shard(path: Path, more: MoreTerms | None) -> JsonShard:
    shard = JsonShard(path, more)
    _probe(shard, path, 'JSON entries as of the OEIS search API ({"number": 45, "data": "0,1,1", …})')
    return shard


def _beside(path: Path, *names: str) -> Path | None:
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _probe_stripped(path: Path) -> None:
    # Read as a shard without names, so that a names file in its place is not taken for terms.
    items = (
        item
        for item in StrippedShard(path).read()
        if not (isinstance(item, Diagnostic) and item.code is Code.NO_NAME)
    )
    _require(items, path, "lines like `A000045 ,0,1,1,2,3,`")


def _probe(shard: GroupShard | JsonShard, path: Path, expected: str) -> None:
    # Without further terms: those of the first entry may stand anywhere in their file.
    _require(type(shard)(path).read(), path, expected)


def _require(items: Iterator[object], path: Path, expected: str) -> None:
    """One of the first items is a record, else InputError."""
    first: object = None
    for item in itertools.islice(items, _PROBED):
        if not isinstance(item, Diagnostic):
            return
        first = first or item
    trouble = "it is empty" if first is None else f"the first thing read is wrong: {first}"
    raise InputError(f"{path}: {trouble}. Expected {expected}.")


def _add_content(total: hashlib._Hash, role: str, path: Path) -> None:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    total.update(f"{role}\0{digest}\n".encode())


def _add_size(total: hashlib._Hash, name: str, path: Path) -> None:
    total.update(f"{name}\0{path.stat().st_size}\n".encode())
