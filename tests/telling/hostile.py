"""Text that tries to act on a terminal, and what no text of others may bring there."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;http://evil\x1b\\link \x9b2J \x90q\x9c \x08\x08 \r overwritten "
    "[bold red]markup[/bold red] [link=http://evil]x[/link] :smile: \u202eevil\u202c \u2066a\u2069 \u200b "
    "\u2028next\u2029outcome  accepted \x0c\x0b \ud800 \x7f {{ braces }} %s \\x1b"
)
STORABLE = HOSTILE.replace("\ud800", "")
"""A record holds no lone surrogates."""
_SGR = re.compile(r"\x1b\[[0-9;]*m")
_ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def acting(text: str, *, coloured: bool = False) -> set[str]:
    """Characters in what was printed that act on a screen, line feeds and (where coloured) colours apart."""
    if coloured:
        text = _SGR.sub("", text)
    return {char for char in text if char != "\n" and unicodedata.category(char) in _ACTING}


def poisoned(value: Any, keys: frozenset[str]) -> Any:
    """The same JSON value, hostile text behind every string that stands under one of these keys."""
    if isinstance(value, dict):
        return {
            key: part + HOSTILE.replace("\ud800", "")
            if key in keys and isinstance(part, str)
            else poisoned(part, keys)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [poisoned(part, keys) for part in value]
    return value


def unwrapped(text: str) -> str:
    """What was printed without colours and line breaks, to look a word up however it was wrapped."""
    return " ".join(_SGR.sub("", text).split())
