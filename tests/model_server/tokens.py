"""Tokens: a tokeniser of about the right grain, and the prefix cache that engines keep."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence

_TOKEN = re.compile(r"\s*(?:\d|[^\W\d]{1,6}|[^\w\s]|_)")
BLOCK = 16
"""vLLM caches prompts in blocks of so many tokens."""


def split(text: str) -> list[str]:
    """A digit, a sign, or up to six letters of a word are a token, with the white space before them."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    return sum(1 for _ in _TOKEN.finditer(text))


def first(text: str, tokens: int) -> str:
    """The text's beginning, so many tokens long."""
    return "".join(split(text)[:tokens])


class PrefixCache:
    """Which prompts' beginnings an engine still knows. `blocks` = 0: it keeps none."""

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._known: OrderedDict[int, None] = OrderedDict()

    def known(self, prompt: Sequence[str]) -> int:
        """Tokens at the prompt's beginning that were computed before; from now on all of it is."""
        if not self._blocks:
            return 0
        key, cached, still = 0, 0, True
        for start in range(0, len(prompt) - BLOCK, BLOCK):
            key = hash((key, *prompt[start : start + BLOCK]))
            still = still and key in self._known
            cached += BLOCK if still else 0
            self._known[key] = None
            self._known.move_to_end(key)
        while len(self._known) > self._blocks:
            self._known.popitem(last=False)
        return cached
