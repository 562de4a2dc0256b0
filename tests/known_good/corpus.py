"""Known-good pairs of a program and its cases, and the two ways to make the cases wrong."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from codeseq_ray import records
from codeseq_ray.bundled import sample_path
from codeseq_ray.oeis.source import open_source
from codeseq_ray.records import Case

PROGRAMS = Path(__file__).parent / "programs"
TERMS = 20
"""Cases of a program, unless its sequence lists fewer or its nearest neighbour differs later."""


@dataclass(frozen=True)
class Known:
    """A program that is right, and the terms that it gives from index `start` on."""

    id: str
    source: str
    start: int
    terms: tuple[int, ...]
    skipped: int = 0
    """Listed terms before them."""

    def cases(self, terms: Sequence[int]) -> list[Case]:
        return [Case(input=str(self.start + i), output=str(term)) for i, term in enumerate(terms)]


def read(folder: str) -> dict[str, records.Sequence]:
    """All entries of an input that have terms."""
    entries = (entry for shard in open_source(folder).shards() for entry in shard.read())
    return {entry.id: entry for entry in entries if isinstance(entry, records.Sequence) and entry.terms}


def by_hand() -> list[Known]:
    """The programs in `programs`, each with the terms that the bundled sample lists."""
    sample = read(str(sample_path()))
    return [
        Known(path.stem, path.read_text(), sample[path.stem].first_index, sample[path.stem].terms)
        for path in sorted(PROGRAMS.glob("A*.py"))
    ]


def altered(terms: Sequence[int], seed: str) -> tuple[int, str, list[int]]:
    """(position, how, terms with that one altered): one more, another sign, a digit moved, added or lost."""
    draw = random.Random(f"alter {seed}")
    at = draw.randrange(len(terms))
    term = terms[at]
    ways = dict(_ways(term, draw))
    how = draw.choice(sorted(way for way, other in ways.items() if other != term))
    return at, how, [*terms[:at], ways[how], *terms[at + 1 :]]


def _ways(term: int, draw: random.Random) -> Iterator[tuple[str, int]]:
    sign, digits = (-1 if term < 0 else 1), str(abs(term))
    yield "one more", term + 1
    yield "another sign", -term
    yield "a digit appended", sign * int(digits + draw.choice("0123456789"))
    if len(digits) > 1:
        yield "last digit lost", sign * int(digits[:-1])
        i = draw.randrange(len(digits) - 1)
        yield "digits swapped", sign * int(digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :])


@dataclass(frozen=True)
class Neighbour:
    """Another sequence that goes along with one for as long as any does, and then differs."""

    id: str
    terms: tuple[int, ...]
    shared: int
    """Terms that they begin with in common: the position of the first that differs."""


class Neighbourhood:
    """Finds, among all sequences, the nearest neighbour by position."""

    def __init__(self, sequences: dict[str, records.Sequence]) -> None:
        self._sequences = sequences

    @cached_property
    def _sorted(self) -> list[tuple[tuple[int, ...], str]]:
        return sorted((entry.terms, entry.id) for entry in self._sequences.values())

    def nearest(self, anum: str) -> Neighbour:
        """In the order of the terms, it is the next on one side or the other that is no prefix and no continuation.

        Those are passed over: as far as both are listed, they are the same sequence.
        """
        terms = self._sequences[anum].terms
        here = bisect_left(self._sorted, (terms, anum))
        sides = (range(here - 1, -1, -1), range(here + 1, len(self._sorted)))
        found = []
        for side in sides:
            for at in side:
                other, name = self._sorted[at]
                shared = sum(
                    1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(terms, other, strict=False))
                )
                if shared < min(len(terms), len(other)):
                    found.append(Neighbour(name, other, shared))
                    break
        return max(found, key=lambda neighbour: neighbour.shared)
