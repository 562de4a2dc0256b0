"""Runs of words or integers that a text shares with given texts: the sign that one was copied from the other.

Given texts are kept as one 64-bit number for each run, not as words: 12 bytes a run and some 100 for each different
word, whatever a run's length.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat

import numpy as np
from numpy.typing import NDArray

NGRAM = 13
"""Words of a run that tells, by the custom of contamination checks since GPT-3's."""
FEWEST_WORDS = 8
"""A text with fewer words is no evidence: questions as short as that are asked everywhere."""
TERMS = 12
"""Terms of a run that tells: `selection.families` takes sequences for kin from as many on."""
FEWEST_TERMS = 8
"""Of 400,000 sequences, every fifth shares its first eight terms with another."""
FEWEST_VALUES = 4
"""A run of terms with fewer different values is no evidence."""

_Part = tuple[NDArray[np.uint64], NDArray[np.int32]]

_WORD = re.compile(r"\w+")
_BETWEEN = bytes(byte if chr(byte).isalnum() or byte == 95 else 32 for byte in range(128)).ljust(256)
"""ASCII with a space for everything that is no part of a word."""
_INTEGER = re.compile(r"(?<![\w.])[-−]?\d+(?!\w|\.\d)")
_LONGEST = 4000
"""Digits of a term that Python reads as a number."""
_MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)


def words(text: str) -> list[str]:
    """The words of a text in lower case; numbers are words, punctuation is none."""
    text = text.lower()
    if text.isascii():  # the same words, in a third of the time
        return text.encode().translate(_BETWEEN).decode().split()
    return _WORD.findall(text)


def integers(text: str) -> list[str]:
    """The integers of a text in order, as plain digits with a minus sign where there is one; no parts of others."""
    return [plain(found) for found in _INTEGER.findall(text)]


def plain(number: str) -> str:
    """An integer's text without leading zeros, and with an ASCII minus sign."""
    digits = number.lstrip("-−").lstrip("0") or "0"
    return f"-{digits}" if number[0] in "-−" and digits != "0" else digits


def telling(run: Sequence[str]) -> bool:
    """Is a run of terms evidence? Not with few values, nor with one step throughout: numbered lists have that."""
    if len(set(run)) < FEWEST_VALUES:
        return False
    if any(len(term) > _LONGEST for term in run):
        return True
    values = [int(term) for term in run]
    return len({after - before for before, after in pairwise(values)}) > 1


@dataclass(frozen=True)
class Match:
    """A run that both have."""

    position: int
    """Of its first token, in the text that was looked at."""
    length: int
    """In tokens."""
    owner: int
    """The number that the given text was handed in with; of several with this run, the smallest."""


@dataclass(frozen=True, eq=False)
class Runs:
    """All runs of the given texts. Can be pickled; its arrays are not copied between processes of a machine."""

    places: dict[str, int]
    """Of each token that occurs, its place in `numbers`."""
    numbers: NDArray[np.uint64]
    """Drawn for each token; that of unknown ones, at place 0, is 0."""
    hashes: dict[int, NDArray[np.uint64]]
    """For each length of run, in ascending order."""
    owners: dict[int, NDArray[np.int32]]
    texts: int = 0
    """Texts that were taken in."""
    passed_over: int = 0
    """Texts without a run that tells."""
    boilerplate: int = 0
    """Runs that too many texts have."""

    @classmethod
    def of(
        cls,
        texts: Iterable[tuple[int, Sequence[str]]],
        length: int,
        fewest: int,
        *,
        telling: Callable[[Sequence[str]], bool] | None = None,
        common: int | None = None,
    ) -> Runs:
        """Take in texts, each as an owner's number and its tokens.

        A text shorter than `length` counts as one run of its own length, down to `fewest` tokens; a shorter one, and
        one of whose runs `telling` says that none is evidence, is passed over. Runs that `common` texts or more have
        are boilerplate, and not looked for.
        """
        places: dict[str, int] = {}
        drawn: list[int] = [0]
        found: dict[int, list[_Part]] = {}
        taken = passed_over = 0
        for owner, tokens in texts:
            size = min(length, len(tokens))
            if size < fewest:
                passed_over += 1
                continue
            for token in tokens:
                if token not in places:
                    places[token] = len(drawn)
                    drawn.append(_number(token))
            hashes = _windows(np.array([drawn[places[token]] for token in tokens], np.uint64), size)
            if telling is not None:
                hashes = hashes[[i for i in range(len(hashes)) if telling(tokens[i : i + size])]]
            hashes = np.unique(hashes)
            if len(hashes):
                taken += 1
                found.setdefault(size, []).append((hashes, np.full(len(hashes), owner, np.int32)))
            else:
                passed_over += 1
        ordered = {size: _sorted(found[size], common) for size in sorted(found)}
        return cls(
            places,
            np.array(drawn, np.uint64),
            {size: hashes for size, (hashes, _, _) in ordered.items()},
            {size: owners for size, (_, owners, _) in ordered.items()},
            taken,
            passed_over,
            sum(left_out for _, _, left_out in ordered.values()),
        )

    def first(self, tokens: Sequence[str]) -> Match | None:
        """The first run, by its place in `tokens`; None without one."""
        return next(iter(self.firsts([tokens])))

    def firsts(self, texts: Sequence[Sequence[str]]) -> list[Match | None]:
        """The first run in each of several texts: a third of the work of asking one by one."""
        found: list[Match | None] = [None] * len(texts)
        for text, match in self.matches(texts):
            best = found[text]
            if best is None or match.position < best.position:
                found[text] = match
        return found

    def matches(self, texts: Sequence[Sequence[str]]) -> Iterator[tuple[int, Match]]:
        """Every run of the given texts in these, with the place of its text, by length and position."""
        # All in one, with an unknown token behind each, over which no run goes.
        joined = [token for text in texts for token in (*text, "")]
        ends = np.cumsum([len(text) + 1 for text in texts])
        drawn = self.numbers[np.fromiter(map(self.places.get, joined, repeat(0)), np.int64, len(joined))]
        unknown = np.cumsum(drawn == 0)
        for size, hashes in self.hashes.items():
            if not len(hashes) or len(joined) <= size:
                continue
            before = np.concatenate(([0], unknown[:-size]))
            full = np.flatnonzero(unknown[size - 1 :] == before)
            windows = _windows(drawn, size)[full]
            at = np.minimum(np.searchsorted(hashes, windows), len(hashes) - 1)
            for i in np.flatnonzero(hashes[at] == windows).tolist():
                text = int(np.searchsorted(ends, full[i], side="right"))
                position = int(full[i]) - (int(ends[text - 1]) if text else 0)
                yield text, Match(position, size, int(self.owners[size][at[i]]))


def _number(token: str) -> int:
    return (
        int.from_bytes(hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8).digest(), "little")
        | 1
    )


def _windows(numbers: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """A hash of each run of `size` tokens; empty when there are fewer."""
    count = max(0, len(numbers) - size + 1)
    hashes = np.zeros(count, np.uint64)
    for i in range(size if count else 0):
        hashes *= _MULTIPLIER
        hashes += numbers[i : i + count]
    return hashes


def _sorted(parts: list[_Part], common: int | None) -> tuple[NDArray[np.uint64], NDArray[np.int32], int]:
    """Each hash once with its smallest owner, in order; and how many were left out as boilerplate.

    A part is the hashes of one text, each once.
    """
    hashes = np.concatenate([part for part, _ in parts])
    owners = np.concatenate([part for _, part in parts])
    order = np.lexsort((owners, hashes))
    hashes, owners = hashes[order], owners[order]
    first = np.flatnonzero(np.diff(hashes, prepend=~hashes[:1]))
    if common is None:
        return hashes[first], owners[first], 0
    texts = np.diff(first, append=len(hashes))
    rare = first[texts < common]
    return hashes[rare], owners[rare], len(first) - len(rare)
