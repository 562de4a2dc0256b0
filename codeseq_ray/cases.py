"""From the terms of a sequence to examples, hidden cases and far cases (METHOD 1, *Problem*)."""

from __future__ import annotations

import hashlib

from codeseq_ray.records import Case, Cases, Sequence

EXAMPLES = 2
FEWEST_HIDDEN = 5
MOST_HIDDEN = 8


def draw(seed: int, *words: str) -> int:
    """A 64-bit number that depends on nothing but the seed and the words: the same on every machine."""
    text = "\x1f".join((str(seed), *words))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def divide(sequence: Sequence, seed: int) -> Cases | None:
    """Divide the known terms into 2 examples, 5–8 hidden cases, and far cases; inputs are plain indices.

    Trivial beginnings are dropped first, as the paper does: with more than 4 terms left, a first term ≤ 5 and a
    second ≤ 20, the first goes; then, with probability 1/3 drawn from the seed and the A-number, more than 6
    terms left and the third ≤ 10, one or two more. None if fewer than 2 + 5 terms remain.

    Eight terms are hidden where the listed terms suffice to leave as many far ones; never fewer than five.
    """
    terms = sequence.terms
    dropped = 0
    if len(terms) > 4 and terms[0] <= 5 and terms[1] <= 20:
        dropped = 1
    chance = draw(seed, "drop", sequence.id)
    if chance % 3 == 0 and len(terms) - dropped > 6 and terms[dropped + 2] <= 10:
        dropped += 1 + chance // 3 % 2
    left = len(terms) - dropped - EXAMPLES
    if left < FEWEST_HIDDEN:
        return None
    hidden = min(MOST_HIDDEN, max(FEWEST_HIDDEN, left // 2))
    first = sequence.first_index
    known = [
        Case(input=str(first + i), output=str(term)) for i, term in enumerate((*terms, *sequence.more_terms))
    ][dropped:]
    return Cases(
        shift=0,
        examples=tuple(known[:EXAMPLES]),
        hidden=tuple(known[EXAMPLES : EXAMPLES + hidden]),
        far=tuple(known[EXAMPLES + hidden :]),
    )


def shifted(cases: Cases, shift: int) -> Cases:
    """The same cases with every input moved by one constant: how a problem may count positions its own way."""

    def move(group: tuple[Case, ...]) -> tuple[Case, ...]:
        return tuple(Case(input=str(int(c.input) + shift), output=c.output) for c in group)

    return Cases(
        shift=cases.shift + shift,
        examples=move(cases.examples),
        hidden=move(cases.hidden),
        far=move(cases.far),
    )
