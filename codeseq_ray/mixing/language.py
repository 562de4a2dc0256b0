"""Is a text English? By its letters and its commonest words.

No library: those that know a hundred languages bring a model of their own, and tell apart what nobody asks here.
Whether a text is English shows in its function words, which are every fourth word of English prose, and hardly a word
of other languages. What the check cannot see is said in `docs/mixing.md`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LATIN_SHARE = 0.7
"""Of the letters: less is another script."""
FUNCTION_SHARE = 0.05
"""Of the words. The pages of `docs/` have 0.23; code and tables have less, which is why the bound is low."""
FEWEST_WORDS = 20
"""With fewer words, the letters alone decide."""
_LOOKED_AT = 4000
"""Characters of a text: enough to tell."""
_WORDS_LOOKED_AT = 1000

# Left out are words that other languages have, too: a, an, as, at, for, have, in, is, on, or, so, was, we, will.
_FUNCTION_WORDS = """
the of and to that it with are this from you your not which can they what how if their there would should about these
its has but when who been were could some than only then them because into more other such each does did his she my
our out any
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

_LETTERS = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ]")


def latin(text: str) -> bool:
    """Are most letters Latin? True for a text without letters."""
    if text.isascii():
        return True
    beginning = text[:_LOOKED_AT]
    letters = len(_LETTERS.findall(beginning))
    return len(_LATIN.findall(beginning)) >= LATIN_SHARE * letters


def english(text: str, words: Sequence[str]) -> bool:
    """`words` are those of the text, in lower case (`overlap.words`)."""
    if not latin(text):
        return False
    looked_at = words[:_WORDS_LOOKED_AT]
    if len(looked_at) < FEWEST_WORDS:
        return True
    known = sum(map(FUNCTION_WORDS.__contains__, looked_at))
    return known >= FUNCTION_SHARE * len(looked_at)
