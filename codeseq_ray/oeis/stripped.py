"""The bulk formats: `stripped[.gz]`, with `names[.gz]` and `meta.tsv[.gz]` beside it, read as one merge-join."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from codeseq_ray.errors import InputError
from codeseq_ray.oeis.diagnostics import Code, Diagnostic
from codeseq_ray.oeis.entry import Entry, Wanted, text_of, to_sequence
from codeseq_ray.oeis.extension import Extension, MoreTerms
from codeseq_ray.oeis.files import read_lines
from codeseq_ray.oeis.numbered import Cursor, Numbered, read_numbered
from codeseq_ray.oeis.parsing import TermsError, parse_stripped
from codeseq_ray.records import Sequence


@dataclass(frozen=True)
class Columns:
    """Where the columns of the metadata are, counted from 0 behind the A-number."""

    offset: int
    keywords: int | None
    width: int
    """Cells of a row, the A-number included."""


def read_columns(path: Path) -> Columns:
    """The header of a metadata file. Raises InputError unless it begins with `anum` and has `offset`.

    Recorded keywords are in `keywords_recorded`, else `keywords`. Inferred ones are not keywords.
    """
    first = next(read_lines(path, path.name), None)
    names = [] if first is None or isinstance(first, Diagnostic) else text_of(first.body).strip().split("\t")
    names = [name.strip() for name in names]
    if names[:1] != ["anum"] or "offset" not in names:
        raise InputError(
            f"{path}: the first line must name tab-separated columns, `anum` first, among them `offset` "
            "(and `keywords_recorded` or `keywords`, where known). Correct it, or take the file away."
        )
    recorded = [name for name in ("keywords_recorded", "keywords") if name in names]
    keywords = names.index(recorded[0]) - 1 if recorded else None
    return Columns(offset=names.index("offset") - 1, keywords=keywords, width=len(names))


@dataclass(frozen=True)
class StrippedShard:
    """All entries of the bulk files: one shard, because gzip is read from its beginning.

    An id that only one of terms and names has is an entry too; metadata of an id that neither has is not.
    """

    stripped: Path
    names: Path | None = None
    meta: Path | None = None
    more: MoreTerms | None = None

    def read(self, wanted: Wanted | None = None) -> Iterator[Sequence | Diagnostic]:
        terms = Cursor(read_numbered(self.stripped))
        names = Cursor(read_numbered(self.names) if self.names else iter(()))
        metadata = _Metadata(self.meta) if self.meta else None
        extension = self.more.open() if self.more else None
        if self.names is None:
            message = "no names[.gz] beside it: all names are empty"
            yield Diagnostic(self.stripped.name, 0, Code.NO_NAME, message)
        yield from terms.advance()
        yield from names.advance()
        while terms.head or names.head:
            if terms.damaged and terms.head is None:
                return  # whether the other named entries have terms is not known
            number = min(cursor.head.number for cursor in (terms, names) if cursor.head)
            listed = _at(terms, number)
            named = _at(names, number)
            if wanted is None or wanted(number):
                yield from self._entry(number, listed, named, metadata, extension)
            if listed:
                yield from terms.advance()
            if named:
                yield from names.advance()

    def _entry(
        self,
        number: int,
        listed: Numbered | None,
        named: Numbered | None,
        metadata: _Metadata | None,
        extension: Extension | None,
    ) -> Iterator[Sequence | Diagnostic]:
        file, line = self._place(listed, named)
        try:
            terms = parse_stripped(listed.body) if listed else ()
        except TermsError as error:
            yield Diagnostic(file, line, error.code, error.message)
            return
        entry = Entry(number, file, line, terms, named=self.names is not None)
        if named:
            entry.name = text_of(named.body)
        if metadata:
            entry.offset, entry.keywords = yield from metadata.of(number)
        yield from to_sequence(entry, extension)

    def _place(self, listed: Numbered | None, named: Numbered | None) -> tuple[str, int]:
        if listed:
            return self.stripped.name, listed.line
        assert named is not None
        assert self.names is not None
        return self.names.name, named.line


def _at(cursor: Cursor, number: int) -> Numbered | None:
    return cursor.head if cursor.head is not None and cursor.head.number == number else None


class _Metadata:
    """Offsets and keywords, asked for in ascending order."""

    def __init__(self, path: Path) -> None:
        self._label = path.name
        self._columns = read_columns(path)
        self._cursor = Cursor(
            read_numbered(path, separator=b"\t", header=lambda text: text.startswith(b"anum\t"))
        )
        self._started = False

    def of(self, number: int) -> Generator[Diagnostic, None, tuple[str, str]]:
        """Offset and keywords as the file writes them; empty where it does not say."""
        if not self._started:
            self._started = True
            yield from self._cursor.advance()
        yield from self._cursor.seek(number)
        row = _at(self._cursor, number)
        if row is None:
            return "", ""
        cells = text_of(row.body).split("\t")
        # Trailing empty cells may be missing: lines are read without the white space at their ends.
        cells += [""] * (self._columns.width - 1 - len(cells))
        if len(cells) >= self._columns.width:
            message = (
                f"{len(cells) + 1} cells where the header names {self._columns.width}; the line is skipped"
            )
            yield Diagnostic(self._label, row.line, Code.BAD_LINE, message)
            return "", ""
        keywords = "" if self._columns.keywords is None else cells[self._columns.keywords]
        return cells[self._columns.offset], keywords
