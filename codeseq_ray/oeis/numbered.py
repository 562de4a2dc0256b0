"""Files with one record per line, `A###### …`, in ascending order: read in step, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from codeseq_ray.oeis.diagnostics import Code, Diagnostic, excerpt
from codeseq_ray.oeis.files import Line, read_lines
from codeseq_ray.oeis.parsing import parse_number, sequence_id


class Numbered(NamedTuple):
    """One record: the A-number as an integer, its line, and the text after id and separator."""

    number: int
    line: int
    body: bytes


def read_numbered(
    path: Path, *, separator: bytes = b" ", header: Callable[[bytes], bool] | None = None
) -> Iterator[Numbered | Diagnostic]:
    """The records of a file in strictly ascending order; what breaks the order becomes a diagnostic.

    Blank lines, comments (`#`) and lines for which `header` holds are passed over. A line whose id is larger
    than the next one's, although the next one fits, is the one out of place: one misprint costs one line.
    """
    return _ascending(_split(read_lines(path, path.name), path.name, separator, header), path.name)


def _split(
    lines: Iterable[Line | Diagnostic],
    label: str,
    separator: bytes,
    header: Callable[[bytes], bool] | None,
) -> Iterator[Numbered | Diagnostic]:
    for line in lines:
        if isinstance(line, Diagnostic):
            yield line
            continue
        text = line.body.strip()
        if not text or text[:1] == b"#" or (header is not None and header(text)):
            continue
        word, _, body = text.partition(separator)
        number = parse_number(word)
        if number is None:
            message = f"a line must begin with an A-number (A000045), not {excerpt(text)}"
            yield Diagnostic(label, line.number, Code.BAD_ID, message)
        else:
            yield Numbered(number, line.number, body)


def _ascending(records: Iterable[Numbered | Diagnostic], label: str) -> Iterator[Numbered | Diagnostic]:
    def misplaced(record: Numbered, code: Code, how: str) -> Diagnostic:
        return Diagnostic(
            label, record.line, code, f"{sequence_id(record.number)} {how}; the line is skipped"
        )

    last = 0
    held: Numbered | None = None
    for record in records:
        if isinstance(record, Diagnostic):
            yield record
        elif held is None:
            held = record
        elif record.number > held.number:
            yield held
            last, held = held.number, record
        elif record.number in (held.number, last):
            yield misplaced(record, Code.DUPLICATE, "was already read")
        elif record.number > last:
            yield misplaced(held, Code.OUT_OF_ORDER, "stands before a smaller A-number")
            held = record
        else:
            yield misplaced(record, Code.OUT_OF_ORDER, "stands behind a larger A-number")
    if held is not None:
        yield held


class Cursor:
    """A place in ascending records. Its moves are generators of the diagnostics met on the way."""

    def __init__(self, records: Iterator[Numbered | Diagnostic]) -> None:
        self._records = records
        self.head: Numbered | None = None
        """The current record; None before the first move and behind the end."""
        self.damaged = False
        """The file ended by damage: behind its end, nothing is known of the ids that it lacks."""

    def advance(self) -> Iterator[Diagnostic]:
        """To the next record."""
        for record in self._records:
            if not isinstance(record, Diagnostic):
                self.head = record
                return
            self.damaged = self.damaged or record.code in (Code.TRUNCATED, Code.CORRUPT)
            yield record
        self.head = None

    def seek(self, number: int) -> Iterator[Diagnostic]:
        """To the first record whose A-number is at least `number`."""
        while self.head is not None and self.head.number < number:
            yield from self.advance()
