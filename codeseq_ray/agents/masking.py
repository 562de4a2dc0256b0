"""Far terms taken out of an entry's texts: who reads the entry must not learn what its programs are tested by.

Masked is a number that equals a far term of at least four digits; a far term of any length in a list of known terms;
and a far term of any length in a sentence that names its index ("a(31) = 7", "the 31st is 7", "31 -> 7").
A number is read with leading zeros, with its digits in groups of three, and in hexadecimal (0x…), too.
An expression that only works out to a far term stands: to compute is what the entry is read for.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from codeseq_ray.records import Cases

MASK = "…"
MASKED_DIGITS = 4
"""Numbers this long that equal a far term are masked; shorter ones are too common to mean it."""
MASKED_RUN = 3
"""So many known terms in a row are a list of the terms: the far ones among them are masked however short."""

_NUMBER = re.compile(r"[-−]?\d+")
# Groups throughout of three digits, also as LaTeX sets them (1{,}234, 1\,234). A list such as "1,234" or "12 345"
# reads the same, and is masked where it happens to spell a far term. One point alone is a decimal point, and 3.141
# stands; two or more are grouping, so that a version "1.234.567" may be masked, and a grouped "1.234" is not.
_GROUPED = re.compile(
    r"(?<![\d.])\d{1,3}(?:(?:[,_ '’\u00a0\u2009\u202f]|\{,\}|\\,)\d{3})+(?!\d)"
    r"|(?<![\d.])\d{1,3}(?:\.\d{3}){2,}(?!\.?\d)"
)
_HEXADECIMAL = re.compile(r"[-−]?(?<!\w)0[xX]0*([0-9A-Fa-f]+)")
_SENTENCE = re.compile(r"[^.;]+(?:[.;](?!\s)[^.;]*)*[.;]?")
# A name has a longest length, as each of its letters may begin one.
_INDEX = re.compile(
    r"""
      [A-Za-z]\w{0,63}+\s*+[(\[]\s*+(-?\d+)\s*[)\]]   # a(20), T[20]
    | [A-Za-z]_\{?(-?\d+)\}?                          # a_20, a_{20}
    | \b[A-Za-z]\s*={1,2}\s*(-?\d+)                   # n = 20
    | (?<![\w.])(-?\d+)-?(?:st|nd|rd|th)\b            # the 20th
    | (?<![\w.])(-?\d+)\s*(?:-+>|=>|→|↦|:|\|)         # 20 -> 137, 20: 137, 20 | 137
    | [(\[{]\s*(-?\d+)\s*,                            # (20, 137)
    | ^\W*?(-?\d+)\s                                  # a row of a table
    """,
    re.VERBOSE,
)
_EQUALS = re.compile(r"\s*+(?:=|is|equals)\s*+(?:the\s++)?")

_Span = tuple[int, int]
_Number = tuple[_Span, str]
"""Where a number stands, and its digits in decimal, plain."""


class Mask:
    """Masks the far terms of these cases, whose inputs are the entry's own indices, line by line."""

    def __init__(self, cases: Cases) -> None:
        shown = (*cases.examples, *cases.hidden)
        outputs = {case.output for case in shown}
        digits = {_digits(output) for output in outputs}
        # With its sign, and without it where no shown term has the same digits.
        secret = {c.output for c in cases.far} - outputs | {_digits(c.output) for c in cases.far} - digits
        self._secret = {term for term in secret if len(_digits(term)) >= MASKED_DIGITS}
        self._far = {case.input: case.output for case in cases.far}
        self._known = [_digits(case.output) for case in (*shown, *cases.far)]
        self._first_far = len(shown)
        self._runs: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for i in range(max(0, self._first_far - MASKED_RUN + 1), len(self._known) - MASKED_RUN + 1):
            run = tuple(self._known[i : i + MASKED_RUN])
            if not digits.issuperset(run):  # else it may be a list of the shown terms
                self._runs[run].append(i)

    def __call__(self, line: str) -> str:
        numbers = list(_NUMBER.finditer(line))
        spelled = [*self._spelled(line)]
        spans = {*self._long(numbers, spelled), *self._listed(line, numbers)}
        spans |= self._paired(line, numbers, spelled)
        # From the end, so that positions before stay true; a span within a masked one is gone with it.
        masked_from = len(line)
        for start, end in sorted(spans, key=lambda span: (-span[1], span[0])):
            if start < masked_from:
                line = line[:start] + MASK + line[min(end, masked_from) :]
                masked_from = start
        return line

    @cached_property
    def _by_hex(self) -> dict[str, str]:
        return {f"{int(digits):x}": digits for digits in map(_digits, self._far.values())}

    def _spelled(self, line: str) -> Iterator[_Number]:
        """Numbers with their digits in groups, and far terms in hexadecimal."""
        for match in _GROUPED.finditer(line):
            yield match.span(), _digits(re.sub(r"\D", "", match[0]))
        for match in _HEXADECIMAL.finditer(line):
            if digits := self._by_hex.get(match[1].lower()):
                yield match.span(), digits

    def _long(self, numbers: list[re.Match[str]], spelled: list[_Number]) -> list[_Span]:
        """Long numbers that are far terms."""
        spans = [m.span() for m in numbers if _plain(m[0]) in self._secret or _digits(m[0]) in self._secret]
        return [*spans, *(span for span, digits in spelled if digits in self._secret)]

    def _listed(self, line: str, numbers: list[re.Match[str]]) -> list[_Span]:
        """Far terms within a list of known terms ("31, 37, 41, 43 …")."""
        digits = [_digits(match[0]) for match in numbers]
        spans: list[_Span] = []
        for at in range(len(digits) - MASKED_RUN + 1):
            in_a_row = numbers[at : at + MASKED_RUN]
            for i in self._runs.get(tuple(digits[at : at + MASKED_RUN]), ()):
                if _is_list(line, in_a_row):
                    spans += [m.span() for j, m in enumerate(in_a_row, i) if j >= self._first_far]
        return spans

    def _paired(self, line: str, numbers: list[re.Match[str]], spelled: list[_Number]) -> set[_Span]:
        """Far terms in a sentence that names their index before them, or just after."""
        standing: dict[str, list[_Span]] = defaultdict(list)
        for span, digits in sorted([*((m.span(), _digits(m[0])) for m in numbers), *spelled]):
            standing[digits].append(span)
        ends = [match.end() for match in numbers]
        spans: set[_Span] = set()
        for sentence in _SENTENCE.finditer(line):
            named: dict[str, int] = {}  # a term's digits → where its index is first named
            for index in _INDEX.finditer(line, sentence.start(), sentence.end()):
                term = self._far.get(next(group for group in index.groups() if group is not None))
                if term is None:
                    continue
                digits = _digits(term)
                named.setdefault(digits, index.end())
                before = bisect_right(ends, index.start()) - 1
                if before >= 0 and ends[before] > sentence.start():
                    number = numbers[before]
                    told = _EQUALS.fullmatch(line, number.end(), index.start())
                    if told and _digits(number[0]) == digits:
                        spans.add(number.span())
            for digits, after in named.items():
                places = standing[digits]
                upto = bisect_left(places, (sentence.end(),))
                spans.update(places[bisect_left(places, (after,)) : upto])
        return spans


def _plain(number: str) -> str:
    return ("-" if number[0] in "-−" else "") + _digits(number)


def _digits(number: str) -> str:
    return number.lstrip("-−").lstrip("0") or "0"


def _is_list(line: str, numbers: list[re.Match[str]]) -> bool:
    """Do these numbers stand in a list: nothing but separators between them?"""
    gaps = (line[a.end() : b.start()] for a, b in pairwise(numbers))
    return all(not gap.strip(" ,;|/\t") for gap in gaps)
