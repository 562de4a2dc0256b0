"""Untrusted text (names, models' and servers' words) as one harmless line."""

from __future__ import annotations

import unicodedata

_LONGEST = 2000
_GAPS = frozenset({"Zs", "Zl", "Zp"})
_LEFT_OUT = frozenset({"Mn", "Me"})
"""Marks on other characters: piled up they run into the lines above, and terminals differ on how wide they are."""


def plain(text: str, most: int = _LONGEST) -> str:
    """One line of at most `most` characters without anything that a terminal obeys.

    White space of all kinds becomes one space. Control characters and escape sequences, marks of direction, invisible
    and private characters become `·`, so that it can be seen that something was there.
    """
    cut = text[: most + 1]
    kept = []
    for character in unicodedata.normalize("NFC", " ".join(cut.split())):
        category = unicodedata.category(character)
        if category[0] == "C":
            kept.append("·")
        elif category in _GAPS:
            kept.append(" ")
        elif category not in _LEFT_OUT:
            kept.append(character)
    line = "".join(kept)
    return line if len(cut) <= most and len(line) <= most else line[: most - 1] + "…"
