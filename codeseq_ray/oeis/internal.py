"""The internal format (`%S A000045 0,1,1,…`), one entry a file, in groups of a thousand: a clone of oeisdata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codeseq_ray.errors import InputError
from codeseq_ray.oeis.diagnostics import Code, Diagnostic, excerpt
from codeseq_ray.oeis.entry import Entry, Wanted, text_of, to_sequence
from codeseq_ray.oeis.extension import Extension, MoreTerms
from codeseq_ray.oeis.files import LONGEST_LINE, Damage, read_blocks
from codeseq_ray.oeis.parsing import TermsError, parse_number, parse_terms, sequence_id
from codeseq_ray.records import Sequence

GROUP = re.compile(r"A[0-9]{3,}")

_LINE = re.compile(rb"%([A-Za-z]) (\S+)(?: (.*))?", re.DOTALL)
_SIGNED_AS_PRINTED = "STU"
_SIGNED_OBSOLETE = "VWX"
"""Before signs were written into %S %T %U, these lines held the signed terms: they win where they are."""


@dataclass(frozen=True)
class GroupShard:
    """The entries of one group folder, `A000` for A000001 to A000999, ascending."""

    folder: Path
    more: MoreTerms | None = None

    def read(self, wanted: Wanted | None = None) -> Iterator[Sequence | Diagnostic]:
        extension = self.more.open() if self.more else None
        numbered: list[tuple[int, Path]] = []
        for path in entry_files(self.folder):
            number = parse_number(path.stem.encode())
            if number is None:
                message = "the name of an entry's file must be an A-number, as A000045.seq"
                yield Diagnostic(self._label(path), 0, Code.BAD_ID, message)
            elif wanted is None or wanted(number):
                numbered.append((number, path))
        for number, path in sorted(numbered):
            yield from self._read_file(number, path, extension)

    def _label(self, path: Path) -> str:
        return f"{self.folder.name}/{path.name}"

    def _read_file(
        self, number: int, path: Path, extension: Extension | None
    ) -> Iterator[Sequence | Diagnostic]:
        label = self._label(path)
        try:
            content = _content(path)
        except InputError as error:
            yield Diagnostic(label, 0, Code.UNREADABLE, str(error))
            return
        if content is None:
            yield Diagnostic(label, 0, Code.TOO_LONG, f"the entry passes {LONGEST_LINE} bytes")
            return
        yield from parse_entry(number, label, content, extension)


def entry_files(folder: Path) -> list[Path]:
    """The files of a group folder that hold entries. Raises InputError when it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".seq")
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be listed ({error.strerror}). Every node that reads the input must see it under "
            "the same path."
        ) from error


def _content(path: Path) -> bytes | None:
    """The whole file; None when it is too long. Raises InputError."""
    blocks: list[bytes] = []
    for block in read_blocks(path):
        if isinstance(block, Damage):
            raise InputError(f"{path}: {block.message}")
        blocks.append(block)
        if sum(map(len, blocks)) > LONGEST_LINE:
            return None
    return b"".join(blocks)


def parse_entry(
    number: int, label: str, content: bytes, extension: Extension | None = None
) -> Iterator[Sequence | Diagnostic]:
    """The entry of one file. A malformed line is reported and left out; malformed terms leave out the entry."""
    own = sequence_id(number).encode()
    fields: dict[str, list[bytes]] = {}
    for line, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        text = raw.rstrip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            message = f"a line must be `%X A###### …`, not {excerpt(text)}"
            yield Diagnostic(label, line, Code.BAD_LINE, message)
        elif match[2] != own:
            message = f"the line belongs to {excerpt(match[2])}, the file to {sequence_id(number)}"
            yield Diagnostic(label, line, Code.BAD_ID, message)
        else:
            fields.setdefault(match[1].decode(), []).append(match[3] or b"")
    try:
        terms = _terms(fields)
    except TermsError as error:
        yield Diagnostic(label, 0, error.code, error.message)
        return

    def texts(letter: str) -> tuple[str, ...]:
        return tuple(map(text_of, fields.get(letter, ())))

    yield from to_sequence(
        Entry(
            number,
            label,
            0,
            terms,
            name=" ".join(texts("N")),
            offset=next(iter(texts("O")), ""),
            keywords=",".join(texts("K")),
            comments=texts("C"),
            formulas=texts("F"),
            examples=texts("e"),
            programs=programs(texts("p"), texts("t"), texts("o")),
        ),
        extension,
    )


def programs(
    maple: tuple[str, ...], mathematica: tuple[str, ...], others: tuple[str, ...]
) -> tuple[str, ...]:
    """All programs in one list of lines; the two languages that have a field of their own get a heading.

    The lines of other languages already begin with theirs, as `(PARI)`.
    """
    headed = [("(Maple)", *maple)] if maple else []
    headed += [("(Mathematica)", *mathematica)] if mathematica else []
    return tuple(line for lines in (*headed, others) for line in lines)


def _terms(fields: dict[str, list[bytes]]) -> tuple[int, ...]:
    """The terms of up to three lines, where every line that goes on ends in a comma. Raises TermsError.

    A gap (%S and %U without %T, or a comma with nothing behind it) means a lost line: its terms would be wrong.
    """
    letters = _SIGNED_OBSOLETE if any(c in fields for c in _SIGNED_OBSOLETE) else _SIGNED_AS_PRINTED
    present = [letter in fields for letter in letters]
    if present != sorted(present, reverse=True) or not present[0]:
        lines = " ".join(f"%{c}" for c in letters if c in fields) or "none"
        raise TermsError(
            Code.BAD_TERMS, f"terms must stand in %{letters[0]}, %{letters[1]}, … : found {lines}"
        )
    parts = [part.strip() for letter in letters for part in fields.get(letter, ())]
    for part in parts[:-1]:
        if not part.endswith(b","):
            raise TermsError(
                Code.BAD_TERMS, f"a line of terms that goes on must end in a comma: {excerpt(part[-20:])}"
            )
    return parse_terms(b"".join(parts))
