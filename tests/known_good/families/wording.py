"""Parts of patterns that several families share."""

from __future__ import annotations

_NUMBERS = r"(?:Numbers|Positive integers|Integers|Positive numbers)"
SUCH = rf"{_NUMBERS} (?P<v>[nkm]) such that "
FORMULA = r"[-+*/^()! \w,]+?"
