"""Bad input is counted and located; what is sound around it is read all the same."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendering import read, several, write_bulk

from codeseq_ray.errors import InputError
from codeseq_ray.oeis import Code, Diagnostic, open_source
from codeseq_ray.oeis import json_entries as json_module
from codeseq_ray.oeis.files import LONGEST_LINE
from codeseq_ray.oeis.parsing import MOST_DIGITS
from codeseq_ray.records import Sequence

GOOD = b"A000001 ,1,2,\n"
NAMES = b"A000001 One.\nA000002 Two.\nA000009 Nine.\n"
ENTRY = b"%I A000045\n%S A000045 0,1,1\n%N A000045 F.\n%K A000045 nonn\n%O A000045 0,4\n"


def bulk(folder: Path, stripped: bytes, names: bytes = NAMES, **others: bytes) -> Path:
    files = {"stripped": stripped, "names": names} | {k.replace("_", "."): v for k, v in others.items()}
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return folder


def compressed(folder: Path, stripped: bytes) -> Path:
    (folder / "stripped.gz").write_bytes(stripped)
    (folder / "names").write_bytes(NAMES)
    return folder


def clone(folder: Path, content: bytes, name: str = "A000045.seq") -> Path:
    (folder / "A000").mkdir()
    (folder / "A000" / "A000001.seq").write_bytes(ENTRY.replace(b"A000045", b"A000001"))
    (folder / "A000" / name).write_bytes(content)
    return folder


def by_line(folder: Path, *rows: object) -> Path:
    """Entries one per line, after a sound one."""
    path = folder / "e.jsonl"
    texts = [row if isinstance(row, str) else json.dumps(row) for row in (entry(1), *rows)]
    path.write_text("\n".join(texts), "utf-8")
    return path


def document(folder: Path, text: str) -> Path:
    path = folder / "e.json"
    path.write_text(text, "utf-8")
    return path


def entry(number: object, **fields: object) -> dict[str, object]:
    return {"number": number, "data": "1,2", "name": "N."} | fields


def damaged(keep: Callable[[bytes], bytes]) -> bytes:
    """`GOOD` and much more after it, compressed, then changed."""
    rows = b"".join(b"A%06d ,%d,\n" % (n, pow(7, n, 10**60)) for n in range(10, 30_000))
    return keep(gzip.compress(GOOD + rows))


CASES: dict[str, tuple[Code, str, Callable[[Path], Path]]] = {
    # case: (code, where it must be reported, what is read)
    "no id": (Code.BAD_ID, "stripped:2", lambda f: bulk(f, GOOD + b"hello ,1,\n")),
    "lower case id": (Code.BAD_ID, "stripped:2", lambda f: bulk(f, GOOD + b"a000002 ,1,\n")),
    "short id": (Code.BAD_ID, "stripped:2", lambda f: bulk(f, GOOD + b"A00002 ,1,\n")),
    "padded id": (Code.BAD_ID, "stripped:2", lambda f: bulk(f, GOOD + b"A0000002 ,1,\n")),
    "id zero": (Code.BAD_ID, "stripped:2", lambda f: bulk(f, GOOD + b"A000000 ,1,\n")),
    "id too large": (Code.BAD_ID, "stripped:2", lambda f: bulk(f, GOOD + b"A99999999 ,1,\n")),
    "no id in names": (Code.BAD_ID, "names:2", lambda f: bulk(f, GOOD, b"A000001 One.\nTwo.\n")),
    "no id in metadata": (
        Code.BAD_ID,
        "meta.tsv:2",
        lambda f: bulk(f, GOOD, meta_tsv=b"anum\toffset\nA1\t0\nA000001\t0\n"),
    ),
    "seq of another": (Code.BAD_ID, "A000/A000045.seq:6", lambda f: clone(f, ENTRY + b"%C A000046 x\n")),
    "seq file without number": (Code.BAD_ID, "A000/notes.seq:0", lambda f: clone(f, ENTRY, "notes.seq")),
    "number is true": (Code.BAD_ID, "e.jsonl:2", lambda f: by_line(f, entry(True))),
    "number is long": (Code.BAD_ID, "e.jsonl:2", lambda f: by_line(f, '{"number": ' + "9" * 50_000 + "}")),
    "no number": (Code.BAD_ID, "e.jsonl:2", lambda f: by_line(f, {"data": "1,2"})),
    "seq line": (Code.BAD_LINE, "A000/A000045.seq:6", lambda f: clone(f, ENTRY + b"a comment\n")),
    "metadata cells": (
        Code.BAD_LINE,
        "meta.tsv:2",
        lambda f: bulk(f, GOOD, meta_tsv=b"anum\toffset\nA000001\t0\tnonn\n"),
    ),
    "two spaces": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002  ,1,2,\n")),
    "a word": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,1,two,\n")),
    "a fraction": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,1.5,\n")),
    "an underscore": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,1_000,\n")),
    "a plus": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,+1,\n")),
    "two signs": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,--1,\n")),
    "sign behind": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,1-2,\n")),
    "empty term": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,1,,2,\n")),
    "foreign digits": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + "A000002 ,٣,\n".encode())),
    "no first comma": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 1,2,\n")),
    "no last comma": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,1,2\n")),
    "cut in a number": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002 ,1,25\n")),
    "no terms at all": (Code.BAD_TERMS, "stripped:2", lambda f: bulk(f, GOOD + b"A000002\n")),
    "seq gap": (
        Code.BAD_TERMS,
        "A000/A000045.seq:0",
        lambda f: clone(f, b"%I A000045\n%S A000045 0,1,\n%U A000045 2\n%N A000045 F.\n"),
    ),
    "seq without %S": (Code.BAD_TERMS, "A000/A000045.seq:0", lambda f: clone(f, b"%N A000045 F.\n")),
    "seq without comma": (
        Code.BAD_TERMS,
        "A000/A000045.seq:0",
        lambda f: clone(f, b"%S A000045 0,1\n%T A000045 2\n%N A000045 F.\n"),
    ),
    "seq lost line": (Code.BAD_TERMS, "A000/A000045.seq:0", lambda f: clone(f, b"%S A000045 0,1,\n")),
    "data is a list": (Code.BAD_TERMS, "e.jsonl:2", lambda f: by_line(f, entry(2, data=[1, 2]))),
    "data is no terms": (Code.BAD_TERMS, "e.jsonl:2", lambda f: by_line(f, entry(2, data="1,\ud800"))),
    "huge": (
        Code.HUGE_TERM,
        "stripped:2",
        lambda f: bulk(f, GOOD + b"A000002 ,1," + b"9" * (MOST_DIGITS + 1) + b",\n"),
    ),
    "long line": (
        Code.TOO_LONG,
        "stripped:2",
        lambda f: bulk(f, GOOD + b"A000002 ," + b"1," * LONGEST_LINE + b"\nA000009 ,9,\n"),
    ),
    "long seq": (Code.TOO_LONG, "A000/A000045.seq:0", lambda f: clone(f, ENTRY + b"\n" * LONGEST_LINE)),
    "long line of JSON": (Code.TOO_LONG, "e.jsonl:2", lambda f: by_line(f, "[" * 11_000_000, entry(2))),
    "long JSON entry": (
        Code.TOO_LONG,
        "e.json:2",
        lambda f: document(f, '[{"number":1},\n{"number":2,"name":"' + "x" * 11_000_000 + '"},{"number":3}]'),
    ),
    "no JSON line": (Code.BAD_JSON, "e.jsonl:2", lambda f: by_line(f, '{"number": 2,,}')),
    "deep JSON line": (Code.BAD_JSON, "e.jsonl:2", lambda f: by_line(f, "[" * 200_000)),
    "JSON line of a number": (Code.BAD_JSON, "e.jsonl:2", lambda f: by_line(f, 45)),
    "bad entry in a list": (
        Code.BAD_JSON,
        "e.json:2",
        lambda f: document(f, '[{"number":1},\n{"number":2,"name":oops},\n{"number":3}]'),
    ),
    "deep entry in a list": (
        Code.BAD_JSON,
        "e.json:2",
        lambda f: document(f, '[{"number":1},\n' + "[" * 200_000 + ',{"number":3}]'),
    ),
    "early end of a list": (
        Code.BAD_JSON,
        "e.json:1",
        lambda f: document(f, '[{"number":1}],\n{"number":2}]'),
    ),
    "comment is a number": (Code.BAD_FIELD, "e.jsonl:2", lambda f: by_line(f, entry(2, comment=7))),
    "lines are numbers": (Code.BAD_FIELD, "e.jsonl:2", lambda f: by_line(f, entry(2, program=[7]))),
    "name is a list": (Code.BAD_FIELD, "e.jsonl:2", lambda f: by_line(f, entry(2, name=["x"]))),
    "offset is a word": (Code.BAD_OFFSET, "e.jsonl:2", lambda f: by_line(f, entry(2, offset="one"))),
    "offset is endless": (Code.BAD_OFFSET, "e.jsonl:2", lambda f: by_line(f, entry(2, offset="9" * 30))),
    "seq offset": (Code.BAD_OFFSET, "A000/A000045.seq:0", lambda f: clone(f, ENTRY.replace(b"0,4", b"x,4"))),
    "metadata offset": (
        Code.BAD_OFFSET,
        "stripped:1",
        lambda f: bulk(f, GOOD, meta_tsv=b"anum\toffset\nA000001\tx\n"),
    ),
    "no name": (Code.NO_NAME, "stripped:2", lambda f: bulk(f, GOOD + b"A000003 ,3,\n")),
    "blank name": (Code.NO_NAME, "stripped:1", lambda f: bulk(f, GOOD, b"A000001\nA000002 Two.\n")),
    "JSON without name": (Code.NO_NAME, "e.jsonl:2", lambda f: by_line(f, {"number": 2, "data": "1"})),
    "bytes in a name": (Code.NOT_UTF8, "stripped:1", lambda f: bulk(f, GOOD, b"A000001 \xe9t\xe9\n")),
    "bytes in a comment": (
        Code.NOT_UTF8,
        "A000/A000045.seq:0",
        lambda f: clone(f, ENTRY + b"%C A000045 \xff\n"),
    ),
    "half a surrogate pair": (
        Code.NOT_UTF8,
        "e.jsonl:2",
        lambda f: by_line(f, '{"number":2,"name":"\\ud800"}'),
    ),
    "line twice": (Code.DUPLICATE, "stripped:2", lambda f: bulk(f, GOOD + GOOD)),
    "line twice, later": (Code.DUPLICATE, "stripped:3", lambda f: bulk(f, GOOD + b"A000009 ,9,\n" + GOOD)),
    "name twice": (Code.DUPLICATE, "names:2", lambda f: bulk(f, GOOD, b"A000001 One.\nA000001 Uno.\n")),
    "JSON entry twice": (Code.DUPLICATE, "e.jsonl:3", lambda f: by_line(f, entry(2), entry(1))),
    "a jump ahead": (
        Code.OUT_OF_ORDER,
        "stripped:2",
        lambda f: bulk(f, GOOD + b"A700000 ,7,\nA000002 ,2,\n"),
    ),
    "a step back": (
        Code.OUT_OF_ORDER,
        "stripped:4",
        lambda f: bulk(f, b"A000004 ,1,\nA000005 ,1,\nA000009 ,9,\nA000003 ,1,\n"),
    ),
    "gzip ends early": (
        Code.TRUNCATED,
        "stripped.gz:",
        lambda f: compressed(f, damaged(lambda body: body[: len(body) // 2])),
    ),
    "list without end": (Code.TRUNCATED, "e.json:2", lambda f: document(f, '[{"number":1},\n{"number":2}')),
    "entry without end": (
        Code.TRUNCATED,
        "e.json:2",
        lambda f: document(f, '[{"number":1},\n{"number":2,"name":"x'),
    ),
    "gzip damaged inside": (
        Code.CORRUPT,
        "stripped.gz:",
        lambda f: compressed(f, damaged(lambda body: body[:300_000] + b"\0" * 64 + body[300_064:])),
    ),
    "gzip checksum": (
        Code.CORRUPT,
        "stripped.gz:",
        lambda f: compressed(f, damaged(lambda body: body[:-8] + b"\0" * 8)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_is_reported_where_it_stands_and_the_rest_is_read(case: str, tmp_path: Path) -> None:
    code, place, build = CASES[case]
    found, diagnostics = read(build(tmp_path))
    # The names that the cases leave out are beside the point, but where the point is a name.
    reported = [d for d in diagnostics if d.code is not Code.NO_NAME or code is Code.NO_NAME]
    assert found, "the sound entries beside it are read"
    if case == "gzip damaged inside":
        reported = [d for d in reported if d.code is code]  # before it shows, it may give lines of nonsense
    assert {d.code for d in reported} == {code}
    assert len(reported) <= 2
    assert str(reported[0]).startswith(place)
    for s in found:
        assert Sequence.model_validate_json(s.model_dump_json()) == s


EXTENSIONS: dict[str, tuple[Code, bytes]] = {
    # case: (code, b-file of A000001 = 1, 2 with offset 1)
    "other terms": (Code.CONTRADICTION, b"1 1\n2 3\n3 4\n"),
    "another first index": (Code.CONTRADICTION, b"0 1\n1 2\n2 4\n"),
    "an index left out": (Code.CONTRADICTION, b"1 1\n2 2\n4 4\n"),
    "three columns": (Code.BAD_LINE, b"1 1\n2 2\n3 4 5\n"),
    "a word": (Code.BAD_TERMS, b"1 1\n2 2\n3 four\n"),
    "one column": (Code.BAD_LINE, b"1 1\n2\n"),
    "two terms": (Code.BAD_LINE, b"1 1\n2 2,3\n"),
    "a pointer of git-lfs": (Code.BAD_LINE, b"version https://git-lfs.github.com/spec/v1 x\n"),
    "damage": (Code.TRUNCATED, gzip.compress(b"1 1\n2 2\n3 4\n")[:-6]),
}


@pytest.mark.parametrize("case", EXTENSIONS)
def test_a_b_file_that_is_wrong_anywhere_adds_nothing(case: str, tmp_path: Path) -> None:
    code, body = EXTENSIONS[case]
    (tmp_path / "b000001.txt").write_bytes(body)
    path = by_line(tmp_path)
    path.write_text(json.dumps(entry(1, offset="1,2")))
    ((found,), (diagnostic,)) = read(path, tmp_path)
    assert diagnostic.code is code
    assert diagnostic.file == "b000001.txt"
    assert (found.terms, found.more_terms) == ((1, 2), ())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"A000001 ,1,3,4,\n", Code.CONTRADICTION),
        (b"A000001 ,1,2,x,\nA000002 ,1,\n", Code.BAD_TERMS),
        (b"A000001 ,1,2,3,\nA000001 ,1,2,4,\n", Code.DUPLICATE),
    ],
)
def test_a_terms_file_that_is_wrong_is_reported(body: bytes, code: Code, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(body)
    (found,), (diagnostic,) = read(by_line(tmp_path), tmp_path / "long")
    assert (diagnostic.code, diagnostic.file) == (code, "long")
    assert found.more_terms == ((3,) if code is Code.DUPLICATE else ())


def test_a_shorter_terms_file_that_agrees_is_no_contradiction(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"A000001 ,1,\n")
    (found,), diagnostics = read(by_line(tmp_path), tmp_path / "long")
    assert (found.more_terms, diagnostics) == ((), [])


def test_unsorted_json_goes_without_a_terms_file_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"A000001 ,1,2,3,\nA000002 ,1,2,3,\nA000003 ,1,2,3,\n")
    found, (diagnostic,) = read(by_line(tmp_path, entry(3), entry(2)), tmp_path / "long")
    assert [s.more_terms for s in found] == [(3,), (3,), ()]
    assert diagnostic.code is Code.OUT_OF_ORDER
    assert "b-files" in diagnostic.message


def test_a_file_of_a_clone_that_cannot_be_opened_costs_only_itself(tmp_path: Path) -> None:
    clone(tmp_path, ENTRY)
    (tmp_path / "A000" / "A000046.seq").mkdir()
    (tmp_path / "A000" / "A000047.seq").symlink_to(tmp_path / "nowhere")
    found, diagnostics = read(tmp_path)
    assert [s.number for s in found] == [1, 45]
    assert [(d.code, d.file) for d in diagnostics] == [
        (Code.UNREADABLE, "A000/A000046.seq"),
        (Code.UNREADABLE, "A000/A000047.seq"),
    ]


def test_a_b_file_that_cannot_be_opened_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "b000001.txt").mkdir()
    (found,), (diagnostic,) = read(by_line(tmp_path), tmp_path)
    assert (found.more_terms, diagnostic.code) == ((), Code.UNREADABLE)


def test_every_code_is_reached() -> None:
    reached = {code for code, _, _ in CASES.values()} | {code for code, _ in EXTENSIONS.values()}
    assert reached | {Code.UNREADABLE} == set(Code)


def test_after_damage_no_entry_is_called_empty(tmp_path: Path) -> None:
    """Names go on behind the place where stripped.gz is damaged: their terms are unknown, not missing."""
    compressed(tmp_path, damaged(lambda body: body[: len(body) // 2]))
    (tmp_path / "names").write_bytes(b"".join(b"A%06d N.\n" % n for n in range(1, 30_000)))
    found, diagnostics = read(tmp_path)
    assert all(s.terms for s in found if s.number >= 10)
    assert 10_000 < len(found) < 29_000
    assert [d.code for d in diagnostics] == [Code.TRUNCATED]
    assert found[-1].terms == (pow(7, found[-1].number, 10**60),)
    # Lines 2, 3, … hold A000010, A000011, …; the cut line itself is reported, not read.
    assert diagnostics[0].line == found[-1].number - 10 + 3


@given(
    entries=several(whole=False),
    spoiled=st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=30)), max_size=6),
)
@settings(max_examples=50, deadline=None)
def test_foreign_lines_between_sound_ones_never_change_these(
    entries: list[Sequence], spoiled: list[tuple[int, bytes]]
) -> None:
    """Lines that hold anything but an A-number may stand anywhere in any of the files."""
    with tempfile.TemporaryDirectory() as name:
        folder = write_bulk(Path(name), entries, compressed=False)
        added = 0
        for file in ("stripped", "names", "meta.tsv"):
            rows = (folder / file).read_bytes().splitlines(keepends=True)
            for at, junk in spoiled:
                rows.insert(1 + at % len(rows), b"?" + junk.replace(b"\n", b"") + b"\n")
                added += 1
            (folder / file).write_bytes(b"".join(rows))
        found, diagnostics = read(folder)
    assert found == entries
    assert {d.code for d in diagnostics} <= {Code.BAD_ID}
    # Metadata behind the last entry are not looked at, so a bad line there need not be reported.
    assert added * 2 / 3 <= len(diagnostics) <= added


# ------------------------------------------------------------------------------------ unreadable as a whole


def unreadable() -> dict[str, Callable[[Path], Path]]:
    return {
        "nothing there": lambda f: f / "missing",
        "an empty folder": lambda f: f,
        "a file of names": lambda f: bulk(f, GOOD) / "names",
        "a folder of other things": lambda f: by_line(f).rename(f / "e.txt").parent,
        "an empty file": lambda f: bulk(f, b""),
        "only comments": lambda f: bulk(f, b"# one\n\n# two\n"),
        "no gzip": lambda f: compressed(f, b"<html>403</html>"),
        "gzip of nothing": lambda f: compressed(f, gzip.compress(b"")),
        "cut within its head": lambda f: compressed(f, gzip.compress(GOOD)[:12]),
        "a picture": lambda f: bulk(f, b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50),
        "names that are none": lambda f: bulk(f, GOOD, b"One\nTwo\n"),
        "metadata without offset": lambda f: bulk(f, GOOD, meta_tsv=b"anum\tkeywords\n"),
        "metadata without anum": lambda f: bulk(f, GOOD, meta_tsv=b"id\toffset\n"),
        "metadata that are empty": lambda f: bulk(f, GOOD, meta_tsv=b""),
        "JSON without entries": lambda f: document(f, '{"count": 0, "results": null}'),
        "an empty list": lambda f: document(f, "[]"),
        "JSON that is none": lambda f: document(f, "%!PS"),
        "a clone of empty groups": lambda f: (f / "seq" / "A000").mkdir(parents=True) or f,
    }


@pytest.mark.parametrize("case", unreadable())
def test_an_unreadable_input_fails_at_once_and_says_what_was_expected(case: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(InputError) as caught:
        open_source(str(unreadable()[case](folder)))
    assert any(word in str(caught.value) for word in ("Expected", "must name"))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("case", ["missing", "an empty folder", "no terms"])
def test_unreadable_further_terms_fail_at_once(case: str, tmp_path: Path) -> None:
    path = by_line(tmp_path)
    (tmp_path / "an empty folder").mkdir()
    (tmp_path / "no terms").write_text("hello\n")
    with pytest.raises(InputError):
        open_source(str(path), str(tmp_path / case))


def test_a_shard_whose_file_is_gone_raises_and_names_the_machine(tmp_path: Path) -> None:
    bulk(tmp_path, GOOD)
    (shard,) = open_source(str(tmp_path)).shards()
    (tmp_path / "stripped").unlink()
    with pytest.raises(InputError, match=os.uname().nodename):
        list(shard.read())


def test_one_bad_first_line_does_not_make_an_input_unreadable(tmp_path: Path) -> None:
    found, diagnostics = read(bulk(tmp_path, b"oops\n" + GOOD))
    assert found[0].terms == (1, 2)
    assert [str(d).split(": ")[0] for d in diagnostics] == ["stripped:1"]


def test_a_json_entry_cut_by_any_block_border_is_not_taken_for_a_bad_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps([entry(n, name='"\\é]', comment=["x", "\ud83d\ude00"]) for n in (1, 2, 3)])
    path = document(tmp_path, text)

    body = path.read_bytes()
    for size in (1, 2, 3, 7, 16, 17, 40):
        blocks = [body[i : i + size] for i in range(0, len(body), size)]
        monkeypatch.setattr(json_module, "read_blocks", lambda path, blocks=blocks: iter(blocks))
        found, diagnostics = read(path)
        assert [s.number for s in found] == [1, 2, 3]
        assert found[0].comments == ("x", "😀")
        assert diagnostics == []


def test_a_diagnostic_quotes_little_of_a_long_line(tmp_path: Path) -> None:
    _, (diagnostic,) = read(bulk(tmp_path, GOOD + b"x" * 100_000 + b"\n", b"A000001 One.\n"))
    assert isinstance(diagnostic, Diagnostic)
    assert len(str(diagnostic)) < 300


def test_an_overlong_line_is_never_held_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "stripped").write_bytes(GOOD + b"A000002 ," + b"1," * (4 * LONGEST_LINE) + b"\nA000009 ,9,\n")
    (shard,) = open_source(str(tmp_path)).shards()
    tracemalloc.start()
    try:
        found = [item for item in shard.read() if isinstance(item, Sequence)]
        assert tracemalloc.get_traced_memory()[1] < 3 * LONGEST_LINE
    finally:
        tracemalloc.stop()
    assert [s.number for s in found] == [1, 9]


def test_an_entry_without_terms_gets_no_further_ones(tmp_path: Path) -> None:
    """Nothing shows that they belong to it."""
    (tmp_path / "long").write_bytes(b"A000001 ,1,2,3,\nA000002 ,1,2,3,\n")
    found, diagnostics = read(by_line(tmp_path, entry(2, data="")), tmp_path / "long")
    assert [s.more_terms for s in found] == [(3,), ()]
    assert diagnostics == []
