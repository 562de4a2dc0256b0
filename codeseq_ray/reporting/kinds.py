"""What kind of sequence an entry is, by what the entry itself says: the sides that failures are held against."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from statistics import median

from codeseq_ray.records import Sequence

Kinds = dict[str, tuple[str, ...]]
"""Side (as `growth`) → its labels for one sequence. Only keywords have several."""

SIDES = {
    "wording": "how the name begins",
    "keywords": "OEIS keywords",
    "growth": "how the listed terms grow",
    "digits": "digits of the largest of the first ten terms",
    "signs": "negative terms",
    "offset": "index of the first term",
    "terms": "terms that the entry lists",
    "family": "members of its family in the plan",
}
UNKNOWN = "not known"
"""A label of what the source does not say: no kind of sequence."""
FEWEST_TERMS = 8
"""Below it nothing is said of growth."""
_SEEN = 10
"""Terms that the agents see, more or less (2 examples and 5 to 8 hidden cases)."""

_WORDINGS: tuple[tuple[str, str], ...] = (
    ("formula", r"a\(n\)|a\(\d+\)\s*=|[a-z]\(n\)\s*=|.{0,20}\bn\s*[-+*^/(]|.*\bn\^"),
    ("expansion or g.f.", r"(expansion|g\.f\.|e\.g\.f\.|coefficient|inverse|.*generating function)"),
    (
        "numbers such that",
        r"(numbers|positive integers|nonnegative integers|integers|values of|n such that)\b",
    ),
    ("primes", r"(primes?|semiprimes|twin primes|smallest prime|largest prime)\b"),
    ("counts", r"(number|numbers) of\b|.*\bnumber of\b"),
    ("triangle or array", r"(triangle|array|table|square array|irregular)\b"),
    ("digits or a representation", r".*\b(digits?|binary|decimal|base)\b"),
    ("sums and products", r"(partial )?(sums?|products?|convolution|differences)\b"),
    ("a pattern of numbers", r"(periodic|repeat|period|interleav|continued fraction)"),
)
_WORDING = tuple((label, re.compile(pattern, re.IGNORECASE)) for label, pattern in _WORDINGS)


def kinds_of(sequence: Sequence, members: int) -> Kinds:
    """All sides of an entry; `members`: how many the plan counts into its family."""
    seen = sequence.terms[:_SEEN]
    keywords = (UNKNOWN,) if sequence.keywords is None else (tuple(sequence.keywords) or ("none",))
    return {
        "wording": (wording(sequence.name),),
        "keywords": keywords,
        "growth": (growth(sequence.terms),),
        "digits": (_digits(max((len(str(abs(term))) for term in seen), default=0)),),
        "signs": ("some" if any(term < 0 for term in sequence.terms) else "none",),
        "offset": (_offset(sequence.offset),),
        "terms": (_between(len(sequence.terms), (14, 24, 39, 59)),),
        "family": (family_size(members),),
    }


def family_size(members: int) -> str:
    return "alone" if members < 2 else _between(members, (3, 10, 100))


def wording(name: str) -> str:
    """By the first pattern that the beginning of the name fits."""
    # A count is told as `Number of …` and a set as `Numbers k such that …`: the longer word first.
    if re.match(r"number of\b", name, re.IGNORECASE):
        return "counts"
    return next((label for label, pattern in _WORDING if pattern.match(name)), "other")


def growth(terms: tuple[int, ...]) -> str:
    """Of the sizes of the terms, whatever their signs."""
    sizes = [abs(term) for term in terms]
    if len(sizes) < FEWEST_TERMS:
        return "too few terms"
    half = len(sizes) // 2
    if max(sizes[half:]) <= max(sizes[:half]):
        return "bounded"
    falls = sum(b < a for a, b in pairwise(sizes))
    if falls > len(sizes) / 6:
        return "irregular"
    logs = [math.log(size) for size in sizes if size > 0]
    if len(logs) < FEWEST_TERMS:
        return "mostly zero"
    steps = [b - a for a, b in pairwise(logs)]
    # Over a doubling of n, n^k grows by k·log 2; what grows exponentially passes any k as n does.
    doubling = (logs[-1] - logs[len(logs) // 2]) / math.log(len(logs) / (len(logs) // 2))
    third = len(steps) // 3
    late, later = median(steps[third : 2 * third]), median(steps[2 * third :])
    # Steps that are undone again are no growth.
    kept = logs[-1] - logs[2 * third] >= 0.6 * later * (len(steps) - 2 * third)
    if kept and later > 0.1 and later >= 0.8 * late:
        return "faster than exponential" if later > 1.15 * late and later > 0.7 else "exponential"
    if doubling < 0.8:
        return "slower than linear"
    return "about linear" if doubling <= 1.4 else "polynomial"


def _digits(count: int) -> str:
    return _between(count, (1, 2, 4, 8, 18))


def _offset(offset: int | None) -> str:
    if offset is None:
        return UNKNOWN
    return "negative" if offset < 0 else "2 or more" if offset > 1 else str(offset)


def _between(value: int, ends: tuple[int, ...]) -> str:
    """The range that a count falls in, `ends` being the last of each: `5 to 8`."""
    start = 0
    for end in ends:
        if value <= end:
            if start == 0:
                return f"{end}" if end <= 1 else f"up to {end}"
            return f"{end}" if start == end else f"{start} to {end}"
        start = end + 1
    return f"{start} or more"
