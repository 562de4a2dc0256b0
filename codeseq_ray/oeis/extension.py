"""Known terms beyond the listed ones: a longer terms file, or a folder of b-files.

They are only ever used as far cases, so they must agree with the listed terms; where they do not, the entry is
kept without them and a diagnostic says so.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codeseq_ray.errors import InputError
from codeseq_ray.oeis.diagnostics import Code, Diagnostic, excerpt
from codeseq_ray.oeis.files import read_lines
from codeseq_ray.oeis.numbered import Cursor, read_numbered
from codeseq_ray.oeis.parsing import TermsError, parse_stripped, parse_terms, sequence_id

MOST_FURTHER_TERMS = 1000
"""Terms kept beyond the listed ones: a b-file of 100,000 would make a record of megabytes and prove no more."""


_BFILE_NAME = re.compile(r"b[0-9]{6,}\.txt(\.gz)?")


class Extension(Protocol):
    """An opened extension, asked for one entry after another."""

    def further(
        self, number: int, terms: tuple[int, ...], offset: int | None
    ) -> Generator[Diagnostic, None, tuple[int, ...]]:
        """Yields what was wrong, returns the terms that follow `terms`, at most `MOST_FURTHER_TERMS`."""
        ...


class MoreTerms(Protocol):
    """Where further terms lie; picklable."""

    def open(self) -> Extension: ...

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every file with its name inside the extension, in a fixed order."""
        ...


@dataclass(frozen=True)
class TermsFile:
    """A file in the format of `stripped[.gz]` with longer lines. Entries must be asked for in ascending order."""

    path: Path

    def open(self) -> Extension:
        return _TermsFileReader(self.path)

    def files(self) -> Iterator[tuple[str, Path]]:
        yield "terms", self.path


class _TermsFileReader:
    def __init__(self, path: Path) -> None:
        self._label = path.name
        self._cursor = Cursor(read_numbered(path))
        self._asked = 0

    def further(
        self, number: int, terms: tuple[int, ...], offset: int | None
    ) -> Generator[Diagnostic, None, tuple[int, ...]]:
        if self._asked == 0:
            yield from self._cursor.advance()
        if number < self._asked:
            message = (
                f"{sequence_id(number)} comes after a larger A-number in the input: its further terms were "
                "already passed; sort the input, or give b-files"
            )
            yield Diagnostic(self._label, 0, Code.OUT_OF_ORDER, message)
            return ()
        self._asked = number
        yield from self._cursor.seek(number)
        record = self._cursor.head
        if record is None or record.number != number:
            return ()
        try:
            known = parse_stripped(record.body)
        except TermsError as error:
            yield Diagnostic(self._label, record.line, error.code, error.message)
            return ()
        if known[: len(terms)] != terms[: len(known)]:
            yield _contradiction(self._label, record.line, number)
            return ()
        return known[len(terms) : len(terms) + MOST_FURTHER_TERMS]


@dataclass(frozen=True)
class BFiles:
    """A folder of b-files, `b000045.txt[.gz]`, flat or in groups as `A000/b000045.txt`."""

    folder: Path

    def open(self) -> Extension:
        return _BFileReader(self.folder)

    def files(self) -> Iterator[tuple[str, Path]]:
        for pattern in ("b*.txt*", "A*/b*.txt*"):
            for path in sorted(self.folder.glob(pattern)):
                if _BFILE_NAME.fullmatch(path.name):
                    yield path.relative_to(self.folder).as_posix(), path


class _BFileReader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def further(
        self, number: int, terms: tuple[int, ...], offset: int | None
    ) -> Generator[Diagnostic, None, tuple[int, ...]]:
        path = self._find(number)
        if path is None:
            return ()
        label = path.relative_to(self._folder).as_posix()
        known: list[int] = []
        due = offset
        try:
            for line in read_lines(path, label):
                if isinstance(line, Diagnostic):
                    yield line
                    return ()
                words = line.body.split()
                if not words or words[0][:1] == b"#":
                    continue
                try:
                    index, term = _pair(words)
                except TermsError as error:
                    yield Diagnostic(
                        label, line.number, error.code, f"{error.message}; the b-file is ignored"
                    )
                    return ()
                # Without a known offset the b-file may begin anywhere; from there on it counts by ones.
                due = index if due is None else due
                if index != due or (len(known) < len(terms) and term != terms[len(known)]):
                    yield _contradiction(label, line.number, number)
                    return ()
                known.append(term)
                due += 1
                if len(known) == len(terms) + MOST_FURTHER_TERMS:
                    break
        except InputError as error:
            yield Diagnostic(label, 0, Code.UNREADABLE, str(error))
            return ()
        return tuple(known[len(terms) :])

    def _find(self, number: int) -> Path | None:
        name = f"b{number:06d}.txt"
        group = sequence_id(number)[:-3]
        for place in (name, f"{name}.gz", f"{group}/{name}", f"{group}/{name}.gz"):
            path = self._folder / place
            if path.exists():
                return path
        return None


def _pair(words: list[bytes]) -> tuple[int, int]:
    """`n a(n)` of one line. Raises TermsError."""
    if len(words) == 2 and len(words[0]) <= 18:
        index, term = parse_terms(words[0]), parse_terms(words[1])
        if len(index) == len(term) == 1:
            return index[0], term[0]
    raise TermsError(Code.BAD_LINE, f"a b-file line must be `n a(n)`, not {excerpt(b' '.join(words))}")


def _contradiction(label: str, line: int, number: int) -> Diagnostic:
    message = f"terms or indices of {sequence_id(number)} differ from the listed ones; its further terms are ignored"
    return Diagnostic(label, line, Code.CONTRADICTION, message)


def find_more_terms(path: Path) -> MoreTerms:
    """What lies at `path`. Raises InputError when it is neither a terms file nor a folder of b-files."""
    if path.is_dir():
        if next(BFiles(path).files(), None) is None:
            raise InputError(
                f"{path}: no b-files in this folder. Expected b000045.txt[.gz], or A000/b000045.txt[.gz]."
            )
        return BFiles(path)
    if not path.is_file():
        raise InputError(
            f"{path}: no such file or folder. Further terms come from a file in the format of stripped.gz or "
            "from a folder of b-files (b000045.txt)."
        )
    return TermsFile(path)
