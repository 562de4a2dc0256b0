"""Warnings once: what several actors say, or one says again and again, is said once and counted."""

from __future__ import annotations

import re
from collections import Counter

SAY_AGAIN_SECONDS = 600.0
_URL = re.compile(r"\S+://\S+")
_CHANGING = re.compile(r"\d+")
"""Times and counts, and A-numbers: the same trouble of another sequence is no news."""


class Notices:
    """Pure: is told the time."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """How often each line was meant, by the words in which it was first said."""
        self._first: dict[str, str] = {}
        self._said: dict[str, tuple[float, int]] = {}

    def heard(self, line: str, now: float) -> str | None:
        """The line if it is to be said (with how often it came meanwhile), None if it is only to be counted."""
        key = _key(line)
        first = self._first.setdefault(key, line)
        self.counts[first] += 1
        last, counted = self._said.get(key, (-SAY_AGAIN_SECONDS, 0))
        if now - last < SAY_AGAIN_SECONDS:
            return None
        self._said[key] = now, self.counts[first]
        meanwhile = self.counts[first] - counted - 1
        return f"{line} ({meanwhile:,} more like it since it was last said)" if meanwhile else line

    def repeated(self) -> list[str]:
        """Of what came more often than it was said, a line each, for the end."""
        return [
            f"{self.counts[first] - said:,} more like: {first}"
            for key, first in self._first.items()
            if (said := self._said[key][1]) < self.counts[first]
        ]


def _key(line: str) -> str:
    """Lines of equal keys say the same. A URL's own figures count: another port is another server."""
    parts, at = [], 0
    for url in _URL.finditer(line):
        parts += [_CHANGING.sub("#", line[at : url.start()]), url[0]]
        at = url.end()
    return "".join([*parts, _CHANGING.sub("#", line[at:])])
