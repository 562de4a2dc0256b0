"""Sequences written into every format that the readers read, and random sequences to write."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from codeseq_ray.oeis import Diagnostic, open_source
from codeseq_ray.records import Sequence

_WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=12
)
TEXTS = st.lists(_WORDS, min_size=1, max_size=5).map(" ".join)
INTEGERS = st.integers() | st.integers(-9, 9) | st.integers(-(10**400), 10**400)
KEYWORDS = st.sampled_from(
    ["nonn", "easy", "sign", "base", "core", "cons", "tabl", "nice", "more", "hard", "new"]
)


def lines(first: str = "") -> st.SearchStrategy[tuple[str, ...]]:
    """Lines of an entry. `(Maple)` and `(Mathematica)` headings only come from their own fields."""
    return st.lists(TEXTS.map(lambda text: first + text), max_size=3).map(tuple)


@st.composite
def sequences(draw: st.DrawFn, *, whole: bool) -> Sequence:
    """A valid entry; `whole` ones have texts, the others only what the bulk formats hold."""
    offset = draw(st.none() | st.integers(-50, 2000))
    keywords = draw(st.none() | st.lists(KEYWORDS, min_size=1, unique=True).map(tuple))
    texts: dict[str, Any] = {}
    if whole:
        texts = {key: draw(lines()) for key in ("comments", "formulas", "examples")}
        texts["programs"] = draw(lines("(PARI) "))
    return Sequence(
        id=f"A{draw(st.integers(1, 400_000) | st.integers(1, 9_999_999)):06d}",
        name=draw(TEXTS),
        terms=tuple(draw(st.lists(INTEGERS, max_size=30))),
        offset=offset,
        keywords=keywords,
        **texts,
    )


def several(*, whole: bool) -> st.SearchStrategy[list[Sequence]]:
    unique = st.lists(sequences(whole=whole), min_size=1, max_size=8, unique_by=lambda s: s.number)
    return unique.map(lambda found: sorted(found, key=lambda s: s.number))


# ------------------------------------------------------------------------------------------------- writing


def stripped_text(entries: Iterable[Sequence]) -> str:
    return "".join(f"{s.id} ,{','.join(map(str, s.terms))},\n" for s in entries)


def names_text(entries: Iterable[Sequence]) -> str:
    return "".join(f"{s.id} {s.name}\n" for s in entries)


def meta_text(entries: Iterable[Sequence]) -> str:
    rows = (
        f"{s.id}\tx\t{'' if s.offset is None else s.offset}\t{','.join(s.keywords or ())}\n" for s in entries
    )
    return "anum\tother\toffset\tkeywords_recorded\n" + "".join(rows)


def write_bulk(folder: Path, entries: list[Sequence], *, compressed: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "stripped": stripped_text(entries),
        "names": names_text(entries),
        "meta.tsv": meta_text(entries),
    }
    for name, text in texts.items():
        body = f"# a comment\n{text}" if name != "meta.tsv" else text
        if compressed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(body.encode()))
        else:
            (folder / name).write_bytes(body.encode())
    return folder


def seq_text(s: Sequence) -> str:
    terms = [str(t) for t in s.terms]
    third = (len(terms) + 2) // 3
    parts = [terms[i : i + third] for i in range(0, len(terms), third)] if terms else [[]]
    rows = [f"%I {s.id} #1 Jan 01 2026"]
    for number, (letter, part) in enumerate(zip("STU", parts, strict=False), 1):
        rows.append(f"%{letter} {s.id} {','.join(part)}{',' if number < len(parts) else ''}")
    rows.append(f"%N {s.id} {s.name}")
    fields = {"C": s.comments, "F": s.formulas, "e": s.examples, "o": s.programs}
    rows += [f"%{letter} {s.id} {line}" for letter, lines_ in fields.items() for line in lines_]
    if s.keywords is not None:
        rows.append(f"%K {s.id} {','.join(s.keywords)}")
    if s.offset is not None:
        rows.append(f"%O {s.id} {s.offset},1")
    return "\n".join(rows) + "\n"


def write_clone(folder: Path, entries: list[Sequence]) -> Path:
    for s in entries:
        group = folder / "seq" / s.id[:-3]
        group.mkdir(parents=True, exist_ok=True)
        (group / f"{s.id}.seq").write_bytes(seq_text(s).encode())
    return folder


def json_entry(s: Sequence) -> dict[str, Any]:
    entry: dict[str, Any] = {"number": s.number, "data": ",".join(map(str, s.terms)), "name": s.name}
    lists = {"comment": s.comments, "formula": s.formulas, "example": s.examples, "program": s.programs}
    entry |= {key: list(value) for key, value in lists.items() if value}
    if s.keywords is not None:
        entry["keyword"] = ",".join(s.keywords)
    if s.offset is not None:
        entry["offset"] = f"{s.offset},2"
    return entry


def write_json(folder: Path, entries: list[Sequence], shape: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    found = [json_entry(s) for s in entries]
    match shape:
        case "list":
            path, text = folder / "a.json", json.dumps(found, indent=1, ensure_ascii=False)
        case "answer":
            answer = {
                "greeting": 'Hi "[{',
                "query": "id:A1",
                "count": len(found),
                "start": 0,
                "results": found,
            }
            path, text = folder / "b.json", json.dumps(answer)
        case "lines":
            path, text = folder / "c.jsonl", "\n".join(json.dumps(e, ensure_ascii=False) for e in found)
        case "answers per line":
            path, text = folder / "d.jsonl.gz", "\n".join(json.dumps({"results": [e]}) for e in found)
        case _:
            raise ValueError(shape)
    body = text.encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


# ------------------------------------------------------------------------------------------------- reading


def read(path: Path, more_terms: Path | None = None) -> tuple[list[Sequence], list[Diagnostic]]:
    """Everything that the source at `path` gives."""
    source = open_source(str(path), str(more_terms) if more_terms else None)
    items = [item for shard in source.shards() for item in shard.read()]
    return (
        [item for item in items if isinstance(item, Sequence)],
        [item for item in items if isinstance(item, Diagnostic)],
    )
