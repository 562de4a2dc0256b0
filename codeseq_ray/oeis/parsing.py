"""Terms, A-numbers and offsets as OEIS files write them, read strictly."""

from __future__ import annotations

import re

from codeseq_ray.oeis.diagnostics import Code, excerpt

MOST_DIGITS = 100_000
"""A longer term is refused: CPython reads and writes decimal integers in quadratic time (6 s at a million)."""
LARGEST_NUMBER = 9_999_999
"""A larger A-number is a misprint: the OEIS has some 400,000 entries. Bounds the bitmap of seen ids to 1.3 MB."""

_OFFSET = re.compile(r"(-?[0-9]{1,18})(?:,\s*-?[0-9]*)?")


class TermsError(ValueError):
    """A text is no list of terms; `code` says in which way."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def parse_terms(text: bytes) -> tuple[int, ...]:
    """`b"0,1,-1"` to `(0, 1, -1)`; empty text to `()`. Raises TermsError; nothing but integers passes."""
    if not text:
        return ()
    # What is left after this check, int() reads strictly: no underscores, spaces, plus signs or other digits.
    if text.translate(None, b"0123456789,-"):
        raise TermsError(Code.BAD_TERMS, f"terms must be integers between commas, not {excerpt(text)}")
    words = text.decode("ascii").split(",")
    if len(text) > MOST_DIGITS and max(map(len, words)) > MOST_DIGITS:
        raise TermsError(Code.HUGE_TERM, f"a term has more than {MOST_DIGITS} digits")
    try:
        return tuple(map(int, words))
    except ValueError:
        raise TermsError(
            Code.BAD_TERMS, f"terms must be integers between commas, not {excerpt(text)}"
        ) from None


def parse_stripped(text: bytes) -> tuple[int, ...]:
    """The part of a `stripped` line after the id: `b",0,1,-1,"`, or `b",,"` without terms. Raises TermsError.

    Both outer commas are required: a line that lacks the last one may have lost digits.
    """
    if len(text) < 2 or text[:1] != b"," or text[-1:] != b",":
        raise TermsError(Code.BAD_TERMS, f"terms must stand between two commas, not {excerpt(text)}")
    return parse_terms(text[1:-1])


def parse_number(text: bytes) -> int | None:
    """`b"A000045"` to 45; None for anything that is not written as the OEIS writes it."""
    digits = text[1:]
    if text[:1] != b"A" or not digits.isdigit() or not (len(digits) == 6 or 6 < len(digits) < 10):
        return None
    number = int(digits)
    canonical = len(digits) == 6 or digits[:1] != b"0"
    return number if canonical and 0 < number <= LARGEST_NUMBER else None


def sequence_id(number: int) -> str:
    return f"A{number:06d}"


def parse_offset(text: str) -> int:
    """`"0,4"` or `"0"` to 0: the index of the first term. Raises ValueError."""
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise ValueError(f"an offset must be an integer, or two with a comma, not {excerpt(text)}")
    return int(match[1])
