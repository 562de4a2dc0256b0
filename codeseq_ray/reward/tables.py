"""Cases in Markdown tables: a column of inputs and a column of outputs, or the two as rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from codeseq_ray.reward.claims import Claim
from codeseq_ray.reward.values import VALUE

_INPUT = re.compile(r"(?:test )?(?:inputs?|index|n|k|x)(?: ?\(?n?\)?)?", re.IGNORECASE)
_OUTPUT = re.compile(
    r"\b(?:expected|outputs?|answer|result|value|term)\b|^[a-zA-Z]\w* ?\( ?n ?\)$|^[a-zA-Z]_n$", re.IGNORECASE
)
_BEST = re.compile(r"expected|correct|true|should", re.IGNORECASE)
_REPORTED = re.compile(
    r"\b(?:actual|program|got|my|printed|prints|current|ours?|match|status|pass)\b|[✓✔?]", re.IGNORECASE
)
_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
_CELL = re.compile(rf"[\"']?({VALUE})[\"']?")


def in_tables(text: str) -> Iterator[Claim]:
    """Pairs as they stand in the cells of a text that went through `values.plain`."""
    rows: list[list[str]] = []
    for line in (*text.split("\n"), ""):
        if line.count("|") >= 2 or (rows and "|" in line):
            if not _RULE.fullmatch(line):
                rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
            continue
        if rows:
            yield from _by_column(rows)
            yield from _by_row(rows)
            rows = []


def _by_column(rows: Sequence[Sequence[str]]) -> Iterator[Claim]:
    header = rows[0]
    given = next((i for i, cell in enumerate(header) if _INPUT.fullmatch(cell)), None)
    said = _output(header)
    if given is None or said is None or given == said:
        return
    for row in rows[1:]:
        if len(row) > max(given, said):
            yield from _pair(row[given], row[said])


def _by_row(rows: Sequence[Sequence[str]]) -> Iterator[Claim]:
    labels = [row[0] for row in rows]
    given = next((i for i, cell in enumerate(labels) if _INPUT.fullmatch(cell)), None)
    said = _output(labels)
    if given is None or said is None or given == said or not _CELL.fullmatch(rows[given][-1]):
        return
    for one, other in zip(rows[given][1:], rows[said][1:], strict=False):
        yield from _pair(one, other)


def _output(labels: Sequence[str]) -> int | None:
    fitting = [i for i, cell in enumerate(labels) if _OUTPUT.search(cell) and not _REPORTED.search(cell)]
    return next((i for i in fitting if _BEST.search(labels[i])), fitting[0] if fitting else None)


def _pair(given: str, said: str) -> Iterator[Claim]:
    one, other = _CELL.fullmatch(given), _CELL.fullmatch(said)
    if one and other:
        yield Claim(one[1], other[1])
