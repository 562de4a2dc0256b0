"""What the readers say of input that they cannot use: counted, located, coded; never a crash, never silence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_SHOWN = 60
"""Characters of a bad line that a message quotes."""


class Code(StrEnum):
    """Why a line, a field or the rest of a file was left out."""

    BAD_ID = "bad_id"
    """Where an A-number belongs there is none, or that of another entry. The line is skipped."""
    BAD_LINE = "bad_line"
    """A line has not the shape of its format. The line is skipped."""
    BAD_TERMS = "bad_terms"
    """The terms are no comma-separated integers, or not all there. The entry is skipped."""
    HUGE_TERM = "huge_term"
    """A term has more digits than `parsing.MOST_DIGITS`. The entry is skipped."""
    TOO_LONG = "too_long"
    """A line or an entry is longer than `files.LONGEST_LINE`. It is skipped, unread."""
    BAD_JSON = "bad_json"
    """Text that is no JSON, or JSON that is no entry. Reading goes on at the next entry."""
    BAD_FIELD = "bad_field"
    """An optional JSON field is not of its type. The entry is kept without it."""
    BAD_OFFSET = "bad_offset"
    """The offset is no integer. The entry is kept, its offset is unknown."""
    NO_NAME = "no_name"
    """The entry has no name. It is kept with an empty one."""
    NOT_UTF8 = "not_utf8"
    """A text is not valid UTF-8. The entry is kept, the bad bytes are shown as U+FFFD."""
    DUPLICATE = "duplicate"
    """The A-number was already read. The later one is skipped."""
    OUT_OF_ORDER = "out_of_order"
    """The A-number breaks the ascending order that a merge-join needs. The line is skipped."""
    TRUNCATED = "truncated"
    """The file ends too early. What came before it was read."""
    CORRUPT = "corrupt"
    """The compressed data are damaged. Reading ends; a checksum covers the whole, so all of the file is suspect."""
    UNREADABLE = "unreadable"
    """One of many files cannot be opened. It is skipped."""
    CONTRADICTION = "contradiction"
    """Further terms do not agree with the listed ones. The further terms are ignored."""


@dataclass(frozen=True)
class Diagnostic:
    """One thing that was wrong with the input, and where."""

    file: str
    """Name of the file; below a folder of many files, its path inside it."""
    line: int
    """1-based; 0 where the file as a whole is meant."""
    code: Code
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def excerpt(text: bytes | str) -> str:
    """The beginning of a bad text, quoted and printable."""
    shown = text[:_SHOWN]
    quoted = repr(shown.decode("utf-8", "replace") if isinstance(shown, bytes) else shown)
    return quoted if len(text) <= _SHOWN else f"{quoted}…"
