"""What is told, as lines: a text, what kind of line it is, and a word in front of it. How they look is `screen`'s."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

LABEL = 9
"""Columns that the word in front of a line takes."""


class Tone(Enum):
    PLAIN = auto()
    TITLE = auto()
    HEAD = auto()
    GOOD = auto()
    BAD = auto()
    QUIET = auto()
    ANSWER = auto()
    """A model's own words."""
    CODE = auto()
    ADDED = auto()
    REMOVED = auto()
    TABLE = auto()
    """Columns: better cut off than wrapped."""


@dataclass(frozen=True)
class Line:
    """One line. The text may be anything; `label` is a word of ours, empty where the line goes on."""

    text: str = ""
    tone: Tone = Tone.PLAIN
    label: str = ""
    indent: int = 0
    """Columns before label and text."""


Lines = Iterator[Line]


def title(text: str) -> Line:
    return Line(text, Tone.TITLE)


def head(text: str) -> Line:
    return Line(text, Tone.HEAD)


def field(label: str, text: str, tone: Tone = Tone.PLAIN) -> Lines:
    """A labelled text; each of its lines stands under the first."""
    for at, part in enumerate(_parts(text)):
        yield Line(part, tone, label) if at == 0 and label else Line(part, tone, indent=LABEL)


def block(text: str, tone: Tone = Tone.PLAIN, indent: int = 2) -> Lines:
    """A text of several lines, set in."""
    for part in _parts(text):
        yield Line(part, tone, indent=indent)


def table(lines: Iterable[str], indent: int = 2) -> Lines:
    for at, line in enumerate(lines):
        yield Line(line, Tone.QUIET if at == 0 else Tone.TABLE, indent=indent)


def moved(lines: Iterable[Line], by: int) -> Lines:
    """The same lines, further in."""
    for line in lines:
        yield Line(line.text, line.tone, line.label, line.indent + by)


def _parts(text: str) -> list[str]:
    # Not `splitlines`: a form feed or a Unicode line separator of a model's makes no line of ours.
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")
