"""JSON entries in the shape of the OEIS search API: a list, `{"results": [...]}`, or one entry per line."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from codeseq_ray.oeis.diagnostics import Code, Diagnostic, excerpt
from codeseq_ray.oeis.entry import Entry, Wanted, text_of, to_sequence
from codeseq_ray.oeis.extension import Extension, MoreTerms
from codeseq_ray.oeis.files import LONGEST_LINE, Damage, read_blocks, read_lines
from codeseq_ray.oeis.internal import programs
from codeseq_ray.oeis.parsing import LARGEST_NUMBER, TermsError, parse_terms, sequence_id
from codeseq_ray.records import Sequence

JSON_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")


class Located(NamedTuple):
    """One JSON value and the line on which it begins."""

    line: int
    value: Any


@dataclass(frozen=True)
class JsonShard:
    """The entries of one file, in its own order."""

    path: Path
    more: MoreTerms | None = None

    def read(self, wanted: Wanted | None = None) -> Iterator[Sequence | Diagnostic]:
        extension = self.more.open() if self.more else None
        by_line = ".jsonl" in self.path.suffixes
        values = _values_by_line(self.path) if by_line else _Scanner(self.path).values()
        seen = bytearray(LARGEST_NUMBER // 8 + 1)
        for value in values:
            if isinstance(value, Diagnostic):
                yield value
                continue
            number = _number(value.value)
            if number is None:
                message = "an entry must be an object with an integer `number` (45 for A000045)"
                shape = Code.BAD_ID if isinstance(value.value, dict) else Code.BAD_JSON
                yield Diagnostic(self.path.name, value.line, shape, message)
            elif seen[number >> 3] & 1 << (number & 7):
                message = f"{sequence_id(number)} was already read; this entry is skipped"
                yield Diagnostic(self.path.name, value.line, Code.DUPLICATE, message)
            else:
                seen[number >> 3] |= 1 << (number & 7)
                if wanted is None or wanted(number):
                    yield from _sequence(number, value, self.path.name, extension)


def _number(value: Any) -> int | None:
    number = value.get("number") if isinstance(value, dict) else None
    # A JSON true is a Python int.
    return number if type(number) is int and 0 < number <= LARGEST_NUMBER else None


def _sequence(
    number: int, record: Located, file: str, extension: Extension | None
) -> Iterator[Sequence | Diagnostic]:
    fields: dict[str, Any] = record.value
    wrong: list[str] = []

    def text(key: str) -> str:
        value = fields.get(key)
        if isinstance(value, str) or value is None:
            return value or ""
        if type(value) is int and key == "offset":
            return str(value)
        wrong.append(key)
        return ""

    def texts(key: str) -> tuple[str, ...]:
        value = fields.get(key)
        if isinstance(value, list) and all(isinstance(line, str) for line in value):
            return tuple(line.rstrip() for line in value)
        if value is not None:
            wrong.append(key)
        return ()

    data = fields.get("data")
    try:
        if data is not None and not isinstance(data, str):
            raise TermsError(Code.BAD_TERMS, f"`data` must be a string of terms, not {excerpt(repr(data))}")
        terms = parse_terms((data or "").strip().encode("utf-8", "replace"))
    except TermsError as error:
        yield Diagnostic(file, record.line, error.code, f"{sequence_id(number)}: {error.message}")
        return
    entry = Entry(
        number,
        file,
        record.line,
        terms,
        name=text("name"),
        offset=text("offset"),
        keywords=text("keyword"),
        comments=texts("comment"),
        formulas=texts("formula"),
        examples=texts("example"),
        programs=programs(texts("maple"), texts("mathematica"), texts("program")),
    )
    if wrong:
        message = f"{sequence_id(number)}: {', '.join(wrong)} not of the expected type; left out"
        yield Diagnostic(file, record.line, Code.BAD_FIELD, message)
    yield from to_sequence(entry, extension)


# ------------------------------------------------------------------------------------------- JSON to values


def _short_integer(digits: str) -> int | str:
    """Integers of JSON are A-numbers and counts here; a long one is none, and would be slow to read."""
    return int(digits) if len(digits) < 20 else digits


_DECODER = json.JSONDecoder(parse_int=_short_integer)


def _values_by_line(path: Path) -> Iterator[Located | Diagnostic]:
    for line in read_lines(path, path.name):
        if isinstance(line, Diagnostic):
            yield line
            continue
        text = text_of(line.body).strip()
        if not text:
            continue
        try:
            value = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            message = f"the line is not JSON ({error}): {excerpt(text)}"
            yield Diagnostic(path.name, line.number, Code.BAD_JSON, message)
            continue
        for entry in _entries(value):
            yield Located(line.number, entry)


def _entries(value: Any) -> list[Any]:
    """The entries of an answer of the search API, or the one entry that the value is."""
    if isinstance(value, dict) and "results" in value and "number" not in value:
        value = value["results"] or []
    return value if isinstance(value, list) else [value]


_SCALAR = r'(?:"(?:[^"\\]|\\.)*"|[-+.\w]+)'
_ANSWER_HEAD = re.compile(rf'\{{(?:\s*"\w+"\s*:\s*{_SCALAR}\s*,)*\s*"results"\s*:\s*(null|\[)')
_BETWEEN = re.compile(r"[\s,]*")
_ENTRY_HEAD = re.compile(r'\{\s*"number"\s*:')
_ENTRY_HEAD_LENGTH = 200
_CUT = 16
"""An error this close to the end of what was read may only mean that the rest is not there yet."""


class _Scanner:
    """Takes one entry after another out of a JSON document that is never held as a whole."""

    def __init__(self, path: Path) -> None:
        self._label = path.name
        self._blocks = read_blocks(path)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._line = 1
        self._damage: Damage | None = None

    def values(self) -> Iterator[Located | Diagnostic]:
        in_list = self._enter()
        closed = not in_list
        while True:
            self._move(_BETWEEN.match(self._text, self._at).end())  # type: ignore[union-attr]
            if self._at == len(self._text):
                if self._fill():
                    continue
                break
            if in_list and self._text[self._at] == "]":
                closed = True
                line = self._line
                if not self._to_next_entry():
                    break
                yield Diagnostic(self._label, line, Code.BAD_JSON, "the list ends although entries follow")
                continue
            value = self._value()
            yield value
            if isinstance(value, Diagnostic) and not self._to_next_entry():
                closed = True  # already reported
                break
        if self._damage:
            yield Diagnostic(self._label, self._line, self._damage.code, self._damage.message)
        elif not closed:
            yield Diagnostic(self._label, self._line, Code.TRUNCATED, "the list of entries has no end")

    def _enter(self) -> bool:
        """To the first entry. True: the entries stand in a list."""
        self._fill()
        self._text = self._text.removeprefix("\ufeff")
        self._move(_BETWEEN.match(self._text).end())  # type: ignore[union-attr]
        if self._text[self._at : self._at + 1] == "[":
            self._move(self._at + 1)
            return True
        head = _ANSWER_HEAD.match(self._text, self._at)
        if head is None:
            return False
        self._move(head.end() if head[1] == "[" else len(self._text))
        return head[1] == "["

    def _value(self) -> Located | Diagnostic:
        """The value that begins here."""
        line = self._line
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.pos >= len(self._text) - _CUT or error.msg.startswith("Unterminated string")
                too_long = len(self._text) - self._at > LONGEST_LINE
                if cut and not too_long and self._fill():
                    continue
                if too_long:
                    message = f"the entry passes {LONGEST_LINE} characters"
                    return Diagnostic(self._label, line, Code.TOO_LONG, message)
                code = Code.TRUNCATED if cut else Code.BAD_JSON
                return Diagnostic(self._label, line, code, f"the entry is not JSON ({error.msg})")
            except RecursionError:
                return Diagnostic(self._label, line, Code.BAD_JSON, "the entry is nested too deeply")
            self._move(end)
            return Located(line, value)

    def _to_next_entry(self) -> bool:
        """Past this place, to what begins as the API begins an entry, `{"number":`. False: there is none."""
        while (head := _ENTRY_HEAD.search(self._text, self._at + 1)) is None:
            # A head may lie across the end of what was read.
            self._move(max(self._at, len(self._text) - _ENTRY_HEAD_LENGTH))
            if not self._fill():
                return False
        self._move(head.start())
        return True

    def _move(self, at: int) -> None:
        self._line += self._text.count("\n", self._at, at)
        self._at = at

    def _fill(self) -> bool:
        """Read one more block, and forget what lies behind. False: there is none."""
        block = next(self._blocks, None)
        if isinstance(block, Damage):
            self._damage = block
            block = None
        if block is None:
            return False
        self._text = self._text[self._at :] + self._decoder.decode(block)
        self._at = 0
        return True
