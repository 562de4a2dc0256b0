"""Whatever a format can hold comes back out of it unchanged."""

from __future__ import annotations

import gzip
import json
import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from rendering import (
    read,
    seq_text,
    several,
    stripped_text,
    write_bulk,
    write_clone,
    write_json,
)

from codeseq_ray.oeis import open_source
from codeseq_ray.records import Sequence

SHAPES = ("list", "answer", "lines", "answers per line")


@given(entries=several(whole=False))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("compressed", [True, False])
def test_bulk_files_give_back_what_was_written(compressed: bool, entries: list[Sequence]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert read(write_bulk(Path(folder), entries, compressed=compressed)) == (entries, [])


@given(entries=several(whole=True))
@settings(max_examples=25, deadline=None)
def test_an_oeisdata_clone_gives_back_what_was_written(entries: list[Sequence]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write_clone(Path(folder), entries)
        assert read(root) == (entries, [])
        assert read(root / "seq") == (entries, [])


@given(entries=several(whole=True))
@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("shape", SHAPES)
def test_json_entries_give_back_what_was_written(shape: str, entries: list[Sequence]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert read(write_json(Path(folder), entries, shape)) == (entries, [])


@given(entries=several(whole=False))
@settings(max_examples=25, deadline=None)
def test_a_longer_terms_file_and_b_files_give_the_terms_beyond_the_listed(entries: list[Sequence]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "long").write_text(stripped_text(entries), "utf-8")
        listed = [s.model_copy(update={"terms": s.terms[: (len(s.terms) + 1) // 2]}) for s in entries]
        expected = [
            part.model_copy(update={"more_terms": whole.terms[len(part.terms) :] if part.terms else ()})
            for part, whole in zip(listed, entries, strict=True)
        ]
        (folder / "b").mkdir()
        for s in entries:
            rows = (f"{s.first_index + i} {term}\n" for i, term in enumerate(s.terms))
            (folder / "b" / f"b{s.id[1:]}.txt").write_text("# Table of n, a(n)\n" + "".join(rows), "utf-8")
        bulk = write_bulk(folder / "bulk", listed, compressed=False)
        assert read(bulk, folder / "long") == (expected, [])
        assert read(bulk, folder / "b") == (expected, [])
        clone = write_clone(folder / "clone", listed)
        assert read(clone, folder / "long") == (expected, [])
        assert read(write_json(folder, listed, "list"), folder / "b") == (expected, [])


@given(entries=several(whole=True))
@settings(max_examples=15, deadline=None)
def test_sequences_of_every_format_survive_json_and_pickle_as_validated_ones_do(
    entries: list[Sequence],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found, _ = read(write_clone(Path(folder), entries))
    for s in found:
        assert Sequence.model_validate_json(s.model_dump_json()) == s
        assert pickle.loads(pickle.dumps(s)) == s
        assert s.model_dump() == Sequence(**s.model_dump()).model_dump()


@given(entries=several(whole=False))
@settings(max_examples=25, deadline=None)
def test_wanted_chooses_by_number_and_changes_nothing_else(entries: list[Sequence]) -> None:
    chosen = {s.number for s in entries[::2]}
    expected = [s for s in entries if s.number in chosen]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in (
            write_bulk(folder / "bulk", entries, compressed=True),
            write_clone(folder / "clone", entries),
            write_json(folder, entries, "answer"),
        ):
            shards = pickle.loads(pickle.dumps(open_source(str(path)).shards()))
            assert [s for shard in shards for s in shard.read(chosen.__contains__)] == expected


def test_an_unwanted_entry_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "stripped").write_text("A000001 ,1,2,\nA000002 ,one,two,\n")
    (tmp_path / "names").write_text("A000001 One.\nA000002 Two.\n")
    (shard,) = open_source(str(tmp_path)).shards()
    assert [s.id for s in shard.read(lambda number: number == 1) if isinstance(s, Sequence)] == ["A000001"]
    assert list(shard.read(lambda number: number == 3)) == []


def test_a_term_of_thousands_of_digits_is_exact(tmp_path: Path) -> None:
    term = 7**20_000
    entry = Sequence(id="A000045", name="Big.", terms=(term, -term))
    for path in (
        write_bulk(tmp_path / "bulk", [entry], compressed=True),
        write_clone(tmp_path / "clone", [entry]),
        write_json(tmp_path, [entry], "lines"),
    ):
        assert read(path)[0][0].terms == (term, -term)


def test_what_the_source_does_not_say_is_unknown_and_not_zero_or_none(tmp_path: Path) -> None:
    (tmp_path / "stripped").write_text("A000001 ,1,2,\n")
    (tmp_path / "names").write_text("A000001 One.\n")
    (tmp_path / "meta.tsv").write_text(
        "anum\tkeywords_inferred\toffset\tkeywords_recorded\nA000001\tnonn\t\t\n"
    )
    (entry,), _ = read(tmp_path)
    assert entry.offset is None
    assert entry.keywords is None
    assert entry.first_index == 1


def test_inferred_keywords_are_no_keywords_and_metadata_needs_no_keywords(tmp_path: Path) -> None:
    (tmp_path / "stripped").write_text("A000001 ,1,2,\nA000002 ,1,\n")
    (tmp_path / "names").write_text("A000001 One.\nA000002 Two.\n")
    (tmp_path / "meta.tsv").write_text("anum\tkeywords_inferred\toffset\nA000002\tnonn\t-3\n")
    (first, second), diagnostics = read(tmp_path)
    assert (first.offset, first.keywords) == (None, None)
    assert (second.offset, second.keywords) == (-3, None)
    assert diagnostics == []


def test_ids_that_only_one_file_has_are_entries_too(tmp_path: Path) -> None:
    (tmp_path / "stripped").write_text("A000002 ,1,2,\nA000003 ,,\nA000005 ,5,\n")
    (tmp_path / "names").write_text("A000001 allocated for X\nA000002 Two.\nA000003 Three.\nA000009 Nine.\n")
    found, diagnostics = read(tmp_path)
    assert [(s.number, s.name, s.terms) for s in found] == [
        (1, "allocated for X", ()),
        (2, "Two.", (1, 2)),
        (3, "Three.", ()),
        (5, "", (5,)),
        (9, "Nine.", ()),
    ]
    assert [str(d) for d in diagnostics] == ["stripped:3: A000005: the entry has no name"]


def test_crlf_byte_order_marks_and_blanks_at_the_ends_are_taken_with_grace(tmp_path: Path) -> None:
    bom = b"\xef\xbb\xbf"
    (tmp_path / "stripped").write_bytes(bom + b"A000001 ,1,2, \r\n\r\n A000002 ,3,\r\n")
    (tmp_path / "names").write_bytes(bom + b"A000001 One. \r\nA000002 Two.\r\n")
    (tmp_path / "meta.tsv").write_bytes(bom + b"anum\toffset\tkeywords\r\nA000001\t0,2\tnonn, easy\r\n")
    (one, two), diagnostics = read(tmp_path)
    assert (one.name, one.terms, one.offset, one.keywords) == ("One.", (1, 2), 0, ("nonn", "easy"))
    assert (two.name, two.terms) == ("Two.", (3,))
    assert diagnostics == []


def test_obsolete_signed_lines_win_and_a_single_number_is_an_offset(tmp_path: Path) -> None:
    group = tmp_path / "A000"
    group.mkdir()
    (group / "A000007.seq").write_text(
        "%I A000007\n%S A000007 1,2,\n%T A000007 3\n%V A000007 1,-2,\n%W A000007 3\n%N A000007 S.\n"
        "%K A000007 sign,,sign\n%O A000007 -2\n%p A000007 f:=1;\n%t A000007 f\n%F A000007   indented  \n"
    )
    ((entry,), diagnostics) = read(tmp_path)
    assert entry.terms == (1, -2, 3)
    assert entry.offset == -2
    assert entry.keywords == ("sign",)
    assert entry.programs == ("(Maple)", "f:=1;", "(Mathematica)", "f")
    assert entry.formulas == ("  indented",)
    assert diagnostics == []


def test_the_digest_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    entries = [
        Sequence(id="A000001", name="One.", terms=(1, 2)),
        Sequence(id="A001002", name="T.", terms=(5,)),
    ]
    for write in (
        lambda at, found: write_bulk(at, found, compressed=False),
        write_clone,
        lambda at, found: write_json(at, found, "list"),
    ):
        here = tmp_path / write.__name__ / str(id(write))
        same = [open_source(str(write(here / place, entries))).digest() for place in ("a", "b")]
        other = open_source(
            str(write(here / "c", [*entries[:1], entries[1].model_copy(update={"name": "Two"})]))
        )
        assert same[0] == same[1] != other.digest()
    bulk = str(write_bulk(tmp_path / "bulk", entries, compressed=True))
    (tmp_path / "long").write_text(stripped_text(entries))
    assert open_source(bulk).digest() != open_source(bulk, str(tmp_path / "long")).digest()


def test_a_json_list_streams_over_block_boundaries(tmp_path: Path) -> None:
    # Entries of 50 kB, so that every block of 256 kB ends inside one.
    found = [
        {
            "number": n,
            "data": "1,2",
            "name": "é" * 20_000 + str(n),
            "comment": ['a "quoted" \\ ]}{[ one'] * 300,
        }
        for n in range(1, 60)
    ]
    path = tmp_path / "big.json"
    for body in (json.dumps(found, ensure_ascii=False), json.dumps({"results": found}, indent=2)):
        path.write_text(body, "utf-8")
        entries, diagnostics = read(path)
        assert [s.number for s in entries] == list(range(1, 60))
        assert [s.name[-2:] for s in entries[9:]] == [str(n) for n in range(10, 60)]
        assert diagnostics == []


def test_b_files_may_lie_in_groups_and_compressed(tmp_path: Path) -> None:
    (tmp_path / "b" / "A000").mkdir(parents=True)
    (tmp_path / "b" / "A000" / "b000007.txt.gz").write_bytes(gzip.compress(b"0 1\n1 2\n2 3\n"))
    entry = Sequence(id="A000007", name="N.", terms=(1, 2), offset=0)
    ((found,), diagnostics) = read(write_json(tmp_path, [entry], "list"), tmp_path / "b")
    assert found.more_terms == (3,)
    assert diagnostics == []


def test_seq_text_needs_all_three_lines_of_terms() -> None:
    """Guards the round trips above: they must reach %T and %U."""
    assert "%U" in seq_text(Sequence(id="A000001", name="x", terms=(1, 2, 3)))


def test_a_stripped_file_alone_is_an_input_and_complains_once_of_the_names(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_text("A000001 ,1,2,\nA000002 ,3,\n")
    found, diagnostics = read(path)
    assert [s.terms for s in found] == [(1, 2), (3,)]
    assert [str(d) for d in diagnostics] == ["terms.txt:0: no names[.gz] beside it: all names are empty"]


def test_a_folder_of_json_files_gives_one_shard_each(tmp_path: Path) -> None:
    first, second = (Sequence(id=f"A00000{n}", name="N.", terms=(n,)) for n in (1, 2))
    write_json(tmp_path, [first], "list")
    write_json(tmp_path, [second], "answers per line")
    source = open_source(str(tmp_path))
    assert (source.format, len(source.shards())) == ("json", 2)
    assert read(tmp_path) == ([first, second], [])


def test_a_clone_gives_one_shard_for_each_group(tmp_path: Path) -> None:
    entries = [Sequence(id=i, name="N.", terms=(1,)) for i in ("A000001", "A000999", "A001000", "A1000000")]
    source = open_source(str(write_clone(tmp_path, entries)))
    per_shard = [[s.id for s in shard.read() if isinstance(s, Sequence)] for shard in source.shards()]
    assert (source.format, per_shard) == ("oeisdata", [["A000001", "A000999"], ["A001000"], ["A1000000"]])
