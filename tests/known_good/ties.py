"""The sequences of the full data whose names fall into one of the families, tied to programs and to sympy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from codeseq_ray.cases import draw
from codeseq_ray.records import Sequence
from known_good.corpus import TERMS, Known, Neighbourhood
from known_good.exceptions import EXCEPTIONS
from known_good.families import FAMILIES, FEWEST, Family, Tie


@dataclass(frozen=True)
class Tied:
    """A sequence, the program for it, and what sympy says of as many terms."""

    family: str
    sequence: Sequence
    known: Known
    by_sympy: list[int]


def short_selection(oeis: dict[str, Sequence], neighbourhood: Neighbourhood) -> list[Tied]:
    """Of each family as many as it says, drawn; with so many terms that their nearest neighbours differ."""
    chosen: list[Tied] = []
    for family, sequences in _named(oeis):
        drawn = sorted(sequences, key=lambda sequence: draw(0, "known good", sequence.id))
        wanted = family.at_most
        for sequence in drawn:
            if wanted == 0:
                break
            if sequence.id in EXCEPTIONS:
                continue
            shared = neighbourhood.nearest(sequence.id).shared
            if tied := _tied(family, sequence, shared + 1):
                chosen.append(tied)
                wanted -= 1
    return chosen


def all_of_them(oeis: dict[str, Sequence]) -> Iterator[Tied]:
    """Every sequence that can be tied, those that differ by exception too."""
    for family, sequences in _named(oeis):
        for sequence in sequences:
            if tied := _tied(family, sequence, 0):
                yield tied


def _named(oeis: dict[str, Sequence]) -> list[tuple[Family, list[Sequence]]]:
    """Each sequence under the first family that its name falls into."""
    found: dict[int, list[Sequence]] = defaultdict(list)
    for sequence in oeis.values():
        at = next((i for i, family in enumerate(FAMILIES) if family.name.fullmatch(sequence.name)), None)
        if at is not None:
            found[at].append(sequence)
    return [(family, found[i]) for i, family in enumerate(FAMILIES)]


def _tied(family: Family, sequence: Sequence, at_least: int) -> Tied | None:
    """None where the name says something else after all, or too few terms can be reached."""
    said = family.name.fullmatch(sequence.name)
    assert said is not None
    first = sequence.first_index
    try:
        tie: Tie = family.read(said, first)
        start = first if tie.start is None else tie.start
        skipped = start - first
        terms = sequence.terms[skipped:][: max(TERMS, at_least - skipped)]
        by_sympy = tie.terms(len(terms))
    except ValueError:
        return None
    if len(by_sympy) < min(len(terms), max(FEWEST, at_least - skipped)):
        return None
    terms = terms[: len(by_sympy)]
    return Tied(family.title, sequence, Known(sequence.id, tie.program, start, terms, skipped), by_sympy)
