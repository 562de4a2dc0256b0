"""From the texts of one entry, whatever format they came in, to a `Sequence`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from codeseq_ray.oeis.diagnostics import Code, Diagnostic
from codeseq_ray.oeis.extension import Extension
from codeseq_ray.oeis.parsing import parse_offset, sequence_id
from codeseq_ray.records import Sequence

Wanted = Callable[[int], bool]
"""Says of an A-number (45 for A000045) whether its entry is to be read."""


@dataclass(slots=True)
class Entry:
    """One entry as its source writes it. Empty texts: the source does not say."""

    number: int
    file: str
    line: int
    terms: tuple[int, ...]
    name: str = ""
    offset: str = ""
    keywords: str = ""
    comments: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    named: bool = True
    """False: the source holds no names at all, so that a missing one is not worth a diagnostic."""


def to_sequence(entry: Entry, extension: Extension | None) -> Iterator[Sequence | Diagnostic]:
    """What was wrong with the entry, then the entry."""

    def trouble(code: Code, message: str) -> Diagnostic:
        return Diagnostic(entry.file, entry.line, code, f"{sequence_id(entry.number)}: {message}")

    name = entry.name.strip()
    if not name and entry.named:
        yield trouble(Code.NO_NAME, "the entry has no name")
    offset: int | None = None
    if text := entry.offset.strip():
        try:
            offset = parse_offset(text)
        except ValueError as error:
            yield trouble(Code.BAD_OFFSET, f"{error}; taken as unknown")
    texts = (name, entry.keywords, *entry.comments, *entry.formulas, *entry.examples, *entry.programs)
    if not all(map(_is_utf8, texts)):
        yield trouble(Code.NOT_UTF8, "a text is not valid UTF-8; the bad bytes are replaced")
        name = _repaired(name)
        entry.keywords = _repaired(entry.keywords)
        entry.comments = tuple(map(_repaired, entry.comments))
        entry.formulas = tuple(map(_repaired, entry.formulas))
        entry.examples = tuple(map(_repaired, entry.examples))
        entry.programs = tuple(map(_repaired, entry.programs))
    further: tuple[int, ...] = ()
    # Without a listed term nothing shows that the further ones belong to this entry.
    if extension is not None and entry.terms:
        further = yield from extension.further(entry.number, entry.terms, offset)
    # Validation would look at every term again (ten million in the OEIS); all types are right by construction.
    yield Sequence.model_construct(
        id=sequence_id(entry.number),
        name=name,
        terms=entry.terms,
        offset=offset,
        keywords=_keywords(entry.keywords),
        comments=entry.comments,
        formulas=entry.formulas,
        examples=entry.examples,
        programs=entry.programs,
        more_terms=further,
    )


def text_of(raw: bytes) -> str:
    """Decoded UTF-8; bytes that are none stay marked, for `to_sequence` to report and replace."""
    return raw.decode("utf-8", "surrogateescape")


def _keywords(text: str) -> tuple[str, ...] | None:
    """`"nonn,easy"` to its words, each once; None when there are none: unknown, not "no keywords"."""
    words = dict.fromkeys(word for part in text.split(",") if (word := part.strip()))
    return tuple(words) or None


def _is_utf8(text: str) -> bool:
    """False where the text holds surrogates: marked bytes, or a lone `\\ud800` escape out of JSON."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _repaired(text: str) -> str:
    return "".join("�" if "\ud800" <= character <= "\udfff" else character for character in text)
