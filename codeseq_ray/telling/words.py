"""Untrusted text made fit to be shown, and values made short.

Names of sequences and whatever a model or its program writes may hold anything: escape sequences that recolour or
rewrite a terminal, marks that turn the direction of writing, line breaks that feign lines of ours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

SHORT = 60
"""Characters of a value before it is cut."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of characters that act instead of being seen, or that are another thing on every screen."""


def visible(text: str) -> str:
    """The text with every character that would act on a screen spelled out (`\\x1b`, `\\u202e`), tabs as spaces.

    One line stays one line. What is printable stays as it is, markup of whatever kind included.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _spelled(char) if unicodedata.category(char) in _UNSEEN else char
        for char in text.replace("\t", "    ")
    )


def _spelled(char: str) -> str:
    code = ord(char)
    if char in "\n\r":
        return "\\n" if char == "\n" else "\\r"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cut(text: str, most: int = SHORT) -> str:
    """The text, or its beginning and its length."""
    return text if len(text) <= most else f"{text[: max(1, most - 12)]}… ({len(text):,} characters)"


def listed(words: Iterable[object], most: int | None, longest: int = SHORT) -> str:
    """The first words, each cut; an ellipsis where there are more. `most` None: all of them, whole."""
    words = iter(words)
    if most is None:
        return ", ".join(map(str, words))
    shown = [cut(str(word), longest) for word in islice(words, most)]
    return ", ".join([*shown, "…"] if next(words, None) is not None else shown)


def counted(count: int, one: str, many: str = "") -> str:
    """`1 case`, `3 cases`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 600 else f"{value / 60:.0f} min"


def columns(heads: Sequence[str], rows: Iterable[Sequence[str]], left: Iterable[int] = ()) -> list[str]:
    """Lines of a table; columns to the right but for those in `left`. Two spaces stand between columns."""
    table = [tuple(heads), *map(tuple, rows)]
    to_left = set(left)
    widths = [max(len(row[i]) for row in table) for i in range(len(heads))]
    return [
        "  ".join(
            cell.ljust(width) if i in to_left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
